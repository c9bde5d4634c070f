"""Suites `scattering/…`: scattering transforms against kymatio, and on real tasks.

`speed`: forward, backward, memory and construction, with the difference of the outputs beside
them; `small_data`: test error against the number of samples.
"""

from geomdl.bench.suites.scattering import small_data, speed

__all__ = ["small_data", "speed"]
