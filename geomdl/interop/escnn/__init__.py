"""From escnn: networks with their weights, as networks of :mod:`geomdl.steerable`."""

from geomdl.interop.escnn.converter import convert

__all__ = ["convert"]
