"""Bridges to other libraries, none of which is needed until its bridge is crossed."""

from geomdl.interop import escnn

__all__ = ["escnn"]
