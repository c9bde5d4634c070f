"""Suites `images/…`: steerable CNNs on images and volumes that are turned.

`speed`: a training step against an ordinary CNN and escnn; `angles`: equivariance error over the
angle; `curves`: test error against training seconds; `efficiency`: against the number of samples;
`volumes`: 3D shapes; `coordinates`: of the weights, under Adam; `expansion`: making the filters.
"""

from geomdl.bench.suites.images import (
    angles,
    coordinates,
    curves,
    efficiency,
    expansion,
    speed,
    volumes,
)

__all__ = ["angles", "coordinates", "curves", "efficiency", "expansion", "speed", "volumes"]
