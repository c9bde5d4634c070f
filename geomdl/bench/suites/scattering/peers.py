"""kymatio, where it is installed and asked for."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from geomdl.bench.peers import find_peer
from geomdl.bench.registry import Context
from geomdl.scattering import bank_2d
from geomdl.scattering.banks import coarser

NAME = "kymatio"


def peer_of(context: Context) -> tuple[bool, str]:
    """Whether to measure kymatio beside ours, and what the settings say of it."""
    return find_peer(context, NAME)


def kymatio_of(name: str) -> Any:
    """A transform's class of kymatio's frontend for torch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kymatio import torch as frontend
    return getattr(frontend, name)


@contextmanager
def quick_filters() -> Iterator[None]:
    """Give kymatio's 2D filters to itself in closed form: its own loops take minutes at 512².

    For timing what it does with them; the difference of outputs beside the times shows that they
    are the same numbers. Its own construction is timed apart.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kymatio.scattering2d.frontend import base_frontend

    before = base_frontend.filter_bank
    base_frontend.filter_bank = _closed_form
    try:
        yield
    finally:
        base_frontend.filter_bank = before


def _closed_form(M: int, N: int, J: int, L: int = 8) -> dict[str, Any]:
    bank = bank_2d((M, N), J, L)

    def levels(transform: torch.Tensor, count: int) -> list[Any]:
        return [coarser(transform, level, 2).to(torch.float32).numpy() for level in range(count)]

    psi = [
        {"j": w.j, "theta": w.orientation, "levels": levels(p, min(w.j + 1, max(J - 1, 1)))}
        for w, p in zip(bank.wavelets, bank.psi, strict=True)
    ]
    return {"psi": psi, "phi": {"j": J, "levels": levels(bank.phi, J)}}
