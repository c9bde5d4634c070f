"""Bridges to other libraries, none of which is needed until its bridge is crossed."""

from geomdl.interop import escnn, kymatio

__all__ = ["escnn", "kymatio"]
