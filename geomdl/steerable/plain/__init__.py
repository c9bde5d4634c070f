"""The same network as an ordinary ``nn.Module``, which loads where geomdl is not installed."""

from geomdl.steerable.plain.conversion import to_plain

__all__ = ["to_plain"]
