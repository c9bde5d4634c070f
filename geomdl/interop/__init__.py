"""Bridges to other libraries, none of which is needed until its bridge is crossed."""

from importlib import import_module
from typing import TYPE_CHECKING

from geomdl.interop import escnn, kymatio

if TYPE_CHECKING:
    from geomdl.interop import sklearn

__all__ = ["escnn", "kymatio", "sklearn"]

if not TYPE_CHECKING:  # scikit-learn takes its time to load

    def __getattr__(name: str) -> object:
        """Import the bridge to scikit-learn on first use."""
        if name != "sklearn":
            raise AttributeError(f"module 'geomdl.interop' has no attribute {name!r}")
        return import_module("geomdl.interop.sklearn")
