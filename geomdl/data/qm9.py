"""QM9: small organic molecules with their energies, from the package qm9pack."""

import csv
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.registry import register

PARTS = tuple(f"qm9_part{k}.csv" for k in (1, 2, 3))
MOST = 29  # atoms of a molecule
COLUMNS = ("Index", "Elements", "XYZ_Ang", "InternalEnergy_0K_au")
SYMBOLS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
HARTREE = 27.211386245981  # eV, CODATA 2022
_BRACKETS = str.maketrans("", "", "[]'")


@register("qm9")
def qm9(
    root: Root = None, download: bool = False, n: int | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """Molecules of up to nine atoms C, N, O, F and their hydrogens, relaxed, with energies.

    Args:
        root: not needed.
        download: not needed.
        n: number of molecules, drawn at random; all 130,831 in their order if None.
        seed: of the choice; the first m of n molecules are those of n = m.

    Returns:
        numbers: nuclear charges, int64, shape (n, 29), 0 where there is no atom.
        positions: Å, float64, shape (n, 29, 3), 0 where there is no atom.
        energy: internal energy at 0 K, eV, float64, shape (n,).
        index: QM9's own number of the molecule, int64, shape (n,).

    Raises:
        FileNotFoundError: qm9pack is not installed, or without its files.
        ValueError: `n` out of range, or a corrupt file.

    Source: Ramakrishnan, Dral, Rupp & von Lilienfeld 2014, doi:10.1038/sdata.2014.22
    (B3LYP/6-31G(2df,p); CC0), without the 3,054 molecules that did not converge.
    """
    rows: list[dict[str, str]] = []
    for path in _files():
        with path.open(newline="", encoding="utf-8") as stream:
            rows += [
                {name: row.get(name) or "" for name in COLUMNS} for row in csv.DictReader(stream)
            ]
    most = len(rows)
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= most):
        raise ValueError(f"qm9: n should be an int between 1 and {most}, got {n!r}")
    order = list(range(most))
    if n is not None:
        order = torch.randperm(most, generator=torch.Generator().manual_seed(seed))[:n].tolist()
    numbers = torch.zeros(len(order), MOST, dtype=torch.int64)
    positions = torch.zeros(len(order), MOST, 3, dtype=torch.float64)
    energy = torch.zeros(len(order), dtype=torch.float64)
    index = torch.zeros(len(order), dtype=torch.int64)
    for at, row in enumerate(rows[k] for k in order):
        try:
            symbols = row["Elements"].translate(_BRACKETS).split(",")
            places = [float(v) for v in row["XYZ_Ang"].translate(_BRACKETS).split(",")]
            numbers[at, : len(symbols)] = torch.tensor([SYMBOLS[s] for s in symbols])
            positions[at, : len(symbols)] = torch.tensor(places, dtype=torch.float64).view(-1, 3)
            energy[at] = HARTREE * float(row["InternalEnergy_0K_au"])
            index[at] = int(row["Index"])
        except (KeyError, ValueError, RuntimeError) as error:
            number = row.get("Index")
            raise ValueError(f"qm9: expected a molecule, got {error} in number {number}") from error
    return {"numbers": numbers, "positions": positions, "energy": energy, "index": index}


def _files() -> list[Path]:
    """The tables of qm9pack, which is not imported: its own reader needs pandas and setuptools."""
    found = find_spec("qm9pack")
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise FileNotFoundError("qm9: install qm9pack (pip install 'geomdl-torch[chem]')")
    paths = [Path(places[0]) / "data" / name for name in PARTS]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"qm9: {path} is missing; install qm9pack again")
    return paths
