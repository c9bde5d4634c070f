"""QM9: small organic molecules with their properties, from the package qm9pack."""

import csv
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.registry import register

PARTS = tuple(f"qm9_part{k}.csv" for k in (1, 2, 3))
MOST = 29  # atoms of a molecule
TRAIN, VALIDATION, ALL = 110_000, 10_000, 130_831
SYMBOLS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
HARTREE = 27.211386245981  # eV, CODATA 2022
TARGETS: dict[str, tuple[str, float]] = {  # key -> column, its unit in ours
    "mu": ("Dipole_debye", 1.0),
    "alpha": ("Polarizability_bohr3", 1.0),
    "homo": ("HOMO_au", HARTREE),
    "lumo": ("LUMO_au", HARTREE),
    "gap": ("HOMO_LUMO_gap_au", HARTREE),
    "r2": ("R2_bohr2", 1.0),
    "zpve": ("ZPVE_au", HARTREE),
    "u0": ("InternalEnergy_0K_au", HARTREE),
    "u": ("InternalEnergy_298K_au", HARTREE),
    "h": ("Enthalphy_298K_au", HARTREE),
    "g": ("GibbsFreeEnergy_298K_au", HARTREE),
    "cv": ("Heatcapacity_Cv_cal_mol_K", 1.0),
}
ATOMS: dict[str, dict[int, float]] = {  # hartree, of free atoms: the authors' atomref.txt
    "u0": {1: -0.500273, 6: -37.846772, 7: -54.583861, 8: -75.064579, 9: -99.718730},
    "u": {1: -0.498857, 6: -37.845355, 7: -54.582445, 8: -75.063163, 9: -99.717314},
    "h": {1: -0.497912, 6: -37.844411, 7: -54.581501, 8: -75.062219, 9: -99.716370},
    "g": {1: -0.510927, 6: -37.861317, 7: -54.598897, 8: -75.079532, 9: -99.733544},
}
COLUMNS = ("Index", "Elements", "XYZ_Ang", *(column for column, _ in TARGETS.values()))
_BRACKETS = str.maketrans("", "", "[]'")


@register("qm9")
def qm9(
    root: Root = None,
    download: bool = False,
    n: int | None = None,
    seed: int = 0,
    split_seed: int = 0,
) -> dict[str, Tensor]:
    """Molecules of up to nine atoms C, N, O, F and their hydrogens, relaxed, with twelve targets.

    A random permutation of all 130,831 gives 110,000 to train, 10,000 to validate and 10,831 to
    test; a molecule is in the same part for every `n`. Of the energies u0, u, h and g those of the
    free atoms are subtracted; `energy` is u0 with them.

    Args:
        root: not needed.
        download: not needed.
        n: number of molecules, drawn at random; all 130,831 in their order if None.
        seed: of the choice; the first m of n molecules are those of n = m.
        split_seed: of the permutation that splits them.

    Returns:
        numbers: nuclear charges, int64, shape (n, 29), 0 where there is no atom.
        positions: Å, float64, shape (n, 29, 3), 0 where there is no atom.
        energy: internal energy at 0 K, eV, float64, shape (n,).
        index: QM9's own number of the molecule, int64, shape (n,).
        split: 0 train, 1 validation, 2 test, int64, shape (n,); see `parts`.
        mu: dipole moment, debye; this and the following float64, shape (n,).
        alpha: isotropic polarizability, bohr³.
        homo, lumo, gap: energies of the frontier orbitals and their difference, eV.
        r2: electronic spatial extent, bohr².
        zpve: zero-point vibrational energy, eV.
        u0, u, h, g: internal energy at 0 K, the same, enthalpy and free energy at 298.15 K, eV.
        cv: heat capacity at 298.15 K, cal/(mol K).

    Raises:
        FileNotFoundError: qm9pack is not installed, or without its files.
        ValueError: `n` out of range, or a corrupt file.

    Source: Ramakrishnan, Dral, Rupp & von Lilienfeld 2014, doi:10.1038/sdata.2014.22
    (B3LYP/6-31G(2df,p); CC0), without the 3,054 molecules that did not converge.
    """
    head, lines = _lines()
    most = len(lines)
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= most):
        raise ValueError(f"qm9: n should be an int between 1 and {most}, got {n!r}")
    order = list(range(most))
    if n is not None:
        order = torch.randperm(most, generator=torch.Generator().manual_seed(seed))[:n].tolist()
    numbers = torch.zeros(len(order), MOST, dtype=torch.int64)
    positions = torch.zeros(len(order), MOST, 3, dtype=torch.float64)
    targets = torch.zeros(len(TARGETS), len(order), dtype=torch.float64)
    index = torch.zeros(len(order), dtype=torch.int64)
    for at, row in enumerate(csv.DictReader((lines[k].decode() for k in order), head, restval="")):
        try:
            symbols = row["Elements"].translate(_BRACKETS).split(",")
            places = [float(v) for v in row["XYZ_Ang"].translate(_BRACKETS).split(",")]
            numbers[at, : len(symbols)] = torch.tensor([SYMBOLS[s] for s in symbols])
            positions[at, : len(symbols)] = torch.tensor(places, dtype=torch.float64).view(-1, 3)
            numbers_of = [float(row[column]) for column, _ in TARGETS.values()]
            targets[:, at] = torch.tensor(numbers_of, dtype=torch.float64)
            index[at] = int(row["Index"])
        except (KeyError, ValueError, RuntimeError) as error:
            number = row.get("Index")
            raise ValueError(f"qm9: expected a molecule, got {error} in number {number}") from error
    found = {
        key: unit * row for (key, (_, unit)), row in zip(TARGETS.items(), targets, strict=True)
    }
    known = {"numbers": numbers, "positions": positions, "energy": found["u0"], "index": index}
    known["split"] = _split(most, split_seed)[order]
    for key, atoms in ATOMS.items():
        alone = torch.zeros(10, dtype=torch.float64)
        alone[list(atoms)] = torch.tensor(list(atoms.values()), dtype=torch.float64)
        found[key] = found[key] - HARTREE * alone[numbers].sum(1)
    return known | found


def _split(most: int, seed: int) -> Tensor:
    """Part of each molecule, in the proportions of the whole where there are fewer."""
    rng = torch.Generator().manual_seed(seed)
    torch.randperm(most, generator=rng)  # the choice of n molecules draws this one
    first, second = (round(most * k / ALL) for k in (TRAIN, TRAIN + VALIDATION))
    part = torch.full((most,), 2)
    order = torch.randperm(most, generator=rng)
    part[order[:first]], part[order[first:second]] = 0, 1
    return part


def _lines() -> tuple[list[str], list[bytes]]:
    """Names of the columns, and the molecules as they stand there, a line each."""
    heads: list[bytes] = []
    lines: list[bytes] = []
    for path in _files():
        first, *rest = path.read_bytes().splitlines() or [b""]
        heads.append(first)
        lines += rest
    if len(set(heads)) > 1:
        raise ValueError(f"qm9: expected the same columns in {', '.join(PARTS)}, got others")
    return next(csv.reader([heads[0].decode()])), lines


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
