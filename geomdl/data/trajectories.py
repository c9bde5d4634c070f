"""Molecular dynamics of single molecules, with energies and forces, split in blocks of time."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from geomdl.data.files import Root, data_folder, read_tensors
from geomdl.data.registry import register
from geomdl.data.split import time_blocks

ETHANOL = (6, 6, 8, *(1,) * 6)
ARRAYS = ("z", "R", "E", "F")
NAMES = ("z", "pos", "energy", "forces")
ASPIRIN = (6, 6, 8, 8, *(6,) * 7, 8, 8, *(1,) * 8)


@register("xtb_ethanol")
def xtb_ethanol(
    root: Root = None,
    download: bool = False,
    train: int = 950,
    validation: int = 50,
    gap: int = 20,
) -> dict[str, Tensor]:
    """Ethanol at 500 K, GFN2-xTB: 2,000 frames, one each 5 fs, from xtb_ethanol_500K.npz.

    Frames lie in contiguous blocks of time, 950 to train, 50 to validate and the rest to test, with
    20 frames (100 fs) left out between blocks, after which energies and forces are correlated by
    at most 0.1: neighbours in time leak.

    Args:
        root: folder of the file; default the environment variable GEOMDL_DATA.
        download: not offered.
        train: frames to train on, the first ones.
        validation: frames to validate on.
        gap: frames left out between two blocks.

    Returns:
        z: nuclear charges, int64, shape (frames, 9), the same in every frame.
        pos: Å, float32, shape (frames, 9, 3).
        energy: eV, float64, shape (frames,).
        forces: eV/Å, float32, shape (frames, 9, 3).
        split: 0 train, 1 validation, 2 test, -1 left out, int64, shape (frames,); see `parts`.

    Raises:
        FileNotFoundError: no folder is given, or the file is not there.
        ValueError: the file is corrupt, truncated or another one; or too few frames for the blocks.

    Source: made with ase and tblite; Bannwarth, Ehlert & Grimme 2019, doi:10.1021/acs.jctc.8b01176.
    """
    return _trajectory("xtb_ethanol", root, ETHANOL, (train, validation, gap))


@register("ethanol")
def ethanol(root: Root = None, download: bool = False) -> dict[str, Tensor]:
    """Every fifth frame of `xtb_ethanol`, 400 of them; comes with the package.

    Blocks of time as there: 300 frames to train, 40 to validate, 52 to test, 4 (100 fs) left out
    between two blocks. For tutorials and trials; errors are to be compared on the whole.

    Args:
        root: not used.
        download: not used.

    Returns:
        As `xtb_ethanol`.

    Example:
        >>> {key: tuple(value.shape) for key, value in ethanol().items() if key != "energy"}
        {'z': (400, 9), 'pos': (400, 9, 3), 'forces': (400, 9, 3), 'split': (400,)}
    """
    path = Path(__file__).parent / "ethanol.npz"
    frames = _frames(read_tensors(path), "ethanol", len(ETHANOL))
    return frames | {"split": time_blocks(len(frames["z"]), 300, 40, 4)}


@register("xtb_aspirin")
def xtb_aspirin(
    root: Root = None,
    download: bool = False,
    train: int = 950,
    validation: int = 50,
    gap: int = 20,
) -> dict[str, Tensor]:
    """Aspirin at 500 K, GFN2-xTB: 1,500 frames of 21 atoms, as `xtb_ethanol` in every respect.

    Args:
        root: folder of xtb_aspirin_500K.npz; default the environment variable GEOMDL_DATA.
        download: not offered.
        train: frames to train on, the first ones.
        validation: frames to validate on.
        gap: frames left out between two blocks.
    """
    return _trajectory("xtb_aspirin", root, ASPIRIN, (train, validation, gap))


def _trajectory(
    name: str, root: Root, species: tuple[int, ...], blocks: tuple[int, int, int]
) -> dict[str, Tensor]:
    file = f"{name}_500K.npz"
    path = data_folder(name, root, file) / file
    if not path.is_file():
        raise FileNotFoundError(f"{name}: no {file} in {path.parent}; put it there")
    frames = _frames(read_tensors(path), str(path), len(species))
    found = tuple(frames["z"][0].tolist()) if len(frames["z"]) else species
    if found != species:
        raise ValueError(f"{path}: z should be {species}, got {found}")
    return frames | {"split": time_blocks(len(frames["z"]), *blocks)}


def as_frames(loaded: Mapping[str, Tensor], where: str = "data") -> dict[str, Tensor]:
    """Frames of a molecule, out of a data set or of the arrays z, R, E, F of an .npz file.

    Where the data do not say which frame is of which part, blocks of time do: at most 950 frames
    and 80 % to train, 50 and 10 % to validate, the rest to test, and gaps of 20 or 2 %.

    Args:
        loaded: as of `geomdl.data.load`: z, pos, energy and forces (and split), or z, shape
            (atoms,), R, E and F.
        where: what messages begin with.

    Returns:
        z, pos, energy, forces and split, as of `xtb_ethanol`.

    Raises:
        ValueError: neither is there, or of a wrong type or shape, NaN, or too few frames.

    Example:
        >>> z, x = torch.tensor([8, 1, 1]), torch.zeros(100, 3, 3)
        >>> found = as_frames({"z": z, "R": x, "E": torch.zeros(100), "F": x})
        >>> found["z"].shape, [int((found["split"] == part).sum()) for part in (0, 1, 2)]
        (torch.Size([100, 3]), [80, 10, 6])
    """
    named = {"pos", "energy", "forces"} <= set(loaded)
    frames = _frames(loaded, where, names=NAMES if named else ARRAYS)
    n = len(frames["z"])
    if n < 10:
        raise ValueError(f"{where}: expected at least 10 frames, got {n}")
    split = loaded.get("split")
    if split is None:
        split = time_blocks(n, min(950, n * 8 // 10), min(50, n // 10), min(20, n // 50))
    return frames | {"split": split}


def _frames(
    loaded: Mapping[str, Tensor],
    where: str,
    atoms: int | None = None,
    names: tuple[str, ...] = ARRAYS,
) -> dict[str, Tensor]:
    """Frames, if they are what they should be; z of each frame only if `atoms` does not say."""
    z, pos = (loaded.get(name, torch.empty(())) for name in names[:2])
    frames = len(pos) if pos.ndim else 0
    each = (frames,) if atoms is None and z.ndim == 2 else ()
    if atoms is None:
        atoms = z.shape[-1] if z.ndim else 0
    shapes = ((*each, atoms), (frames, atoms, 3), (frames,), (frames, atoms, 3))
    rows = list(zip(names, shapes, strict=True))
    # first what is missing, and positions, on which the other shapes hang
    for name, shape in sorted(rows, key=lambda row: (row[0] in loaded, row[0] != names[1])):
        array, wanted = loaded.get(name), "integers" if name == "z" else "floats"
        if array is None or _kind(array) != wanted or tuple(array.shape) != shape:
            got = "none" if array is None else f"{_dtype(array)} of shape {tuple(array.shape)}"
            raise ValueError(f"{where}: {name} should be {wanted} of shape {shape}, got {got}")
        if not bool(array.isfinite().all()):
            raise ValueError(f"{where}: {name} should be finite, got NaN or infinity")
    energy, forces = (loaded[name] for name in names[2:])
    z = z.long().expand(frames, -1).contiguous()
    return dict(zip(NAMES, (z, pos, energy.double(), forces), strict=True))


def _dtype(array: Tensor) -> str:
    return str(array.dtype).removeprefix("torch.")


def _kind(array: Tensor) -> str:
    if array.is_floating_point():
        return "floats"
    return "numbers" if array.is_complex() or array.dtype == torch.bool else "integers"
