"""Bridges to other libraries, none of which is needed until its bridge is crossed."""

from importlib import import_module
from typing import TYPE_CHECKING

from geomdl.interop import escnn, kymatio

if TYPE_CHECKING:
    from geomdl.interop import e3nn, pyg, sklearn

__all__ = ["e3nn", "escnn", "kymatio", "pyg", "sklearn"]
_LATER = ("e3nn", "pyg", "sklearn")

if not TYPE_CHECKING:  # scikit-learn takes its time to load

    def __getattr__(name: str) -> object:
        """Import the bridges to e3nn, torch_geometric and scikit-learn on first use."""
        if name not in _LATER:
            raise AttributeError(f"module 'geomdl.interop' has no attribute {name!r}")
        return import_module(f"geomdl.interop.{name}")
