"""Trajectories from made-up files, and the real ones where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from geomdl.data import as_frames, load, parts
from geomdl.data.trajectories import ASPIRIN, ETHANOL

NAMES = {"xtb_ethanol": (ETHANOL, 2000), "xtb_aspirin": (ASPIRIN, 1500)}


def write(folder: Path, name: str, frames: int = 30, **changes: object) -> Path:
    """A file of the right form."""
    rng = np.random.default_rng(0)
    species = NAMES[name][0]
    arrays = {
        "z": np.array(species),
        "R": rng.normal(size=(frames, len(species), 3)).astype(np.float32),
        "E": rng.normal(size=frames),
        "F": rng.normal(size=(frames, len(species), 3)).astype(np.float32),
    }
    kept = {key: value for key, value in (arrays | changes).items() if value is not None}
    path = folder / f"{name}_500K.npz"
    np.savez(path, **kept)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_tensors_and_blocks(name, tmp_path):
    path = write(tmp_path, name)
    found = load(name, root=tmp_path, train=12, validation=4, gap=3)
    with np.load(path) as file:
        assert np.array_equal(found["pos"], file["R"]) and np.array_equal(
            found["forces"], file["F"]
        )
        assert np.array_equal(found["energy"], file["E"])
    assert found["z"].shape == (30, len(NAMES[name][0]))
    assert found["split"].tolist() == [0] * 12 + [-1] * 3 + [1] * 4 + [-1] * 3 + [2] * 8
    assert torch.equal(parts(found)["validation"]["energy"], found["energy"][15:19])


def test_the_folder_can_come_from_the_environment(tmp_path, monkeypatch):
    write(tmp_path, "xtb_ethanol")
    monkeypatch.setenv("GEOMDL_DATA", str(tmp_path))
    assert len(load("xtb_ethanol", train=10, validation=5, gap=0)["z"]) == 30
    monkeypatch.delenv("GEOMDL_DATA")
    with pytest.raises(FileNotFoundError, match=r"^xtb_ethanol: give root=.*xtb_ethanol_500K\.npz"):
        load("xtb_ethanol")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^xtb_aspirin: no xtb_aspirin_500K\.npz in "):
        load("xtb_aspirin", root=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"E": None}, r"E should be floats of shape \(30,\), got none"),
        ({"z": np.array(ETHANOL[::-1])}, r"z should be \(6, 6, 8, .*, got \(1, 1"),
        (
            {"z": np.ones(3, int)},
            r"z should be integers of shape \(9,\), got int64 of shape \(3,\)",
        ),
        ({"F": np.zeros((29, 9, 3))}, r"F should be floats of shape \(30, 9, 3\), got float64"),
        ({"R": np.zeros((30, 9, 3), int)}, "R should be floats of shape"),
        ({"R": np.float32(1)}, "R should be floats of shape"),
        ({"E": np.full(30, np.nan)}, "E should be finite, got NaN or infinity"),
    ],
)
def test_a_foreign_file_is_named(changes, message, tmp_path):
    path = write(tmp_path, "xtb_ethanol", **changes)
    with pytest.raises(ValueError, match=f"^{path}: {message}"):
        load("xtb_ethanol", root=tmp_path, train=10, validation=5)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_named_in_one_line(damage, tmp_path):
    path = write(tmp_path, "xtb_ethanol")
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    else:
        content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path}: expected a whole .npz file, got ") as caught:
        load("xtb_ethanol", root=tmp_path)
    assert "\n" not in str(caught.value)


def test_blocks_that_do_not_fit_are_refused(tmp_path):
    write(tmp_path, "xtb_ethanol")
    with pytest.raises(
        ValueError, match=r"^train: 950 frames, 50 to validate on and two gaps of 20"
    ):
        load("xtb_ethanol", root=tmp_path)
    with pytest.raises(ValueError, match=r"^gap: expected an int of at least 0, got -1$"):
        load("xtb_ethanol", root=tmp_path, train=3, validation=3, gap=-1)


@pytest.mark.parametrize("name", NAMES)
def test_the_real_ones(name):
    species, frames = NAMES[name]
    root = os.environ.get("GEOMDL_DATA", "")
    if not (Path(root) / f"{name}_500K.npz").is_file():
        pytest.skip("set GEOMDL_DATA to the folder with the trajectories")
    found = parts(load(name))
    sizes = {key: len(part["energy"]) for key, part in found.items()}
    assert sizes == {"train": 950, "validation": 50, "test": frames - 1040}
    train = found["train"]
    assert train["z"][0].tolist() == list(species)
    assert train["forces"].sum(1).abs().max() <= 1e-4  # no net force, to float32
    # energies and forces belong together: ΔE ≈ -F Δx between neighbouring frames, on average
    work = -(train["forces"][1:] + train["forces"][:-1]) / 2 * train["pos"].diff(dim=0)
    slope = torch.stack([work.sum((1, 2)).double(), train["energy"].diff()])
    assert torch.corrcoef(slope)[0, 1] > 0.5


def test_frames_of_any_molecule(tmp_path):
    write(tmp_path, "xtb_ethanol", frames=100)
    path = tmp_path / "xtb_ethanol_500K.npz"
    found = as_frames(load(path), str(path))
    assert set(found) == {"z", "pos", "energy", "forces", "split"}
    assert found["z"][7].tolist() == list(ETHANOL)
    assert torch.bincount(found["split"] + 1).tolist() == [4, 80, 10, 6]
    again = load("xtb_ethanol", root=tmp_path, train=70, validation=10, gap=1)
    assert torch.equal(as_frames(again)["split"], again["split"])
    assert torch.equal(as_frames(again)["forces"], again["forces"])
    made = load("made_molecules", n=20, atoms=4)
    assert torch.equal(as_frames(made)["z"], made["z"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": None}, r"^here: z should be integers of shape \(0,\), got none$"),
        ({"forces": torch.zeros(20, 4)}, r"^here: forces should be floats of shape \(20, 4, 3\)"),
        ({"pos": None, "energy": None}, r"^here: R should be floats of shape \(0, 4, 3\), got no"),
        ({"energy": torch.ones(20).bool()}, r"^here: energy should be floats .* got bool"),
        ({"pos": torch.full((20, 4, 3), torch.nan)}, "^here: pos should be finite"),
    ],
)
def test_what_are_no_frames_is_refused(change, message):
    made = load("made_molecules", n=20, atoms=4) | change
    with pytest.raises(ValueError, match=message):
        as_frames({key: value for key, value in made.items() if value is not None}, "here")


def test_few_frames_are_refused():
    with pytest.raises(ValueError, match=r"^data: expected at least 10 frames, got 9$"):
        as_frames(load("made_molecules", n=9, atoms=4))


def test_frames_of_ethanol_come_with_the_package():
    found = load("ethanol")
    assert found["z"][0].tolist() == list(ETHANOL)
    blocks = [0] * 300 + [-1] * 4 + [1] * 40 + [-1] * 4 + [2] * 52
    assert found["split"].tolist() == blocks
    bonds = (found["pos"][:, 0] - found["pos"][:, 1]).norm(dim=1)
    assert float(bonds.min()) > 1.3 and float(bonds.max()) < 1.8
    assert float(found["forces"].sum(1).abs().max()) < 1e-3  # no force on the whole
    slopes = (found["pos"] - found["pos"].mean(0)).flatten(1), found["forces"].flatten(1)
    assert float((slopes[0] * slopes[1]).sum(1).mean()) < 0  # they pull back


def test_they_are_every_fifth_of_the_whole():
    try:
        whole = load("xtb_ethanol")
    except FileNotFoundError:
        pytest.skip("set GEOMDL_DATA to the folder with the trajectories")
    found = load("ethanol")
    for name in ("z", "pos", "energy", "forces"):
        assert torch.equal(found[name], whole[name][::5])
