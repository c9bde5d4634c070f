"""Peers are imported here and nowhere else; one that is absent is an error, not a skip."""

import importlib
import warnings
from types import ModuleType


def peer(name: str) -> ModuleType:
    """A peer's module. What it and its dependencies warn of while they load is theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)
