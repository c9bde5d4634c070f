"""Molecular dynamics of single molecules, with energies and forces, split in blocks of time."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geomdl.data.files import Root, data_folder, read_npz
from geomdl.data.registry import register
from geomdl.data.split import time_blocks

ETHANOL = (6, 6, 8, *(1,) * 6)
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
    z, pos, energy, forces = _arrays(path, len(species))
    if tuple(z.tolist()) != species:
        raise ValueError(f"{path}: z should be {species}, got {tuple(z.tolist())}")
    return {
        "z": z.expand(len(pos), -1).contiguous(),
        "pos": pos,
        "energy": energy,
        "forces": forces,
        "split": time_blocks(len(pos), *blocks),
    }


def _arrays(path: Path, atoms: int) -> tuple[Tensor, ...]:
    """Arrays z, R, E, F of a file, if they are what they should be."""
    arrays: dict[str, Any] = read_npz(path)
    frames = len(arrays["R"]) if "R" in arrays and arrays["R"].ndim else 0
    shapes = {"z": (atoms,), "R": (frames, atoms, 3), "E": (frames,), "F": (frames, atoms, 3)}
    found = []
    for name, shape in shapes.items():
        kind = "iu" if name == "z" else "f"
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype.kind not in kind:
            got = "none" if array is None else f"{array.dtype} of shape {array.shape}"
            wanted = "integers" if name == "z" else "floats"
            raise ValueError(f"{path}: {name} should be {wanted} of shape {shape}, got {got}")
        tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{path}: {name} should be finite, got NaN or infinity")
        found.append(tensor)
    return found[0].long(), found[1], found[2].double(), found[3]
