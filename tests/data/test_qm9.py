"""QM9 from a package with a few molecules in it, and the real one where it is installed."""

import sys
from importlib.util import find_spec

import pytest
import torch

from geomdl.data import load
from geomdl.data.qm9 import HARTREE, PARTS

HEAD = "Index,N_atoms,Elements,XYZ_Ang,InternalEnergy_0K_au\n"
WATER = "3,3,\"['O','H','H']\",\"[[0,0,0.1],[0.7,0,-0.5],[-0.7,0,-0.5]]\",-76.4\n"
HYDROGEN = "{},2,\"['H','H']\",\"[[0,0,0],[0,0,0.74]]\",-1.1{}\n"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A package of the same name with seven molecules, whose import would fail."""
    folder = tmp_path / "qm9pack" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "qm9pack" / "__init__.py").write_text("raise ImportError")
    (folder / PARTS[0]).write_text(HEAD + WATER)
    for k in (1, 2):
        text = "".join(HYDROGEN.format(10 * k + i, i) for i in range(3))
        (folder / PARTS[k]).write_text(HEAD + text)
    monkeypatch.delitem(sys.modules, "qm9pack", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.usefixtures("fake")
def test_all_molecules_in_their_order():
    found = load("qm9")
    assert found["index"].tolist() == [3, 10, 11, 12, 20, 21, 22]
    assert found["numbers"].shape == (7, 29) and found["positions"].shape == (7, 29, 3)
    assert found["numbers"][0, :4].tolist() == [8, 1, 1, 0]
    assert found["positions"][0, :4].tolist() == [
        [0, 0, 0.1],
        [0.7, 0, -0.5],
        [-0.7, 0, -0.5],
        [0] * 3,
    ]
    assert found["energy"][0].item() == -76.4 * HARTREE
    assert {v.dtype for v in found.values()} == {torch.int64, torch.float64}


@pytest.mark.usefixtures("fake")
def test_some_molecules_drawn_by_the_seed():
    few, more, other = load("qm9", n=3), load("qm9", n=5), load("qm9", n=5, seed=1)
    assert torch.equal(few["index"], more["index"][:3])
    assert len(set(more["index"].tolist())) == 5
    assert more["index"].tolist() != other["index"].tolist()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("n", [0, 8, True, 2.0])
def test_a_number_out_of_range_is_refused(n):
    with pytest.raises(ValueError, match=rf"^qm9: n should be an int between 1 and 7, got {n!r}$"):
        load("qm9", n=n)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'O'", "'X'", "got 'X' in number 3"),
        ("-76.4", "much", "could not convert string to float: 'much' in number 3"),
        ("-76.4", "nan", "energy should be finite"),
        ("[[0,0,0.1],", "[", "in number 3"),
        ("XYZ_Ang", "places", "in number 3"),
    ],
)
def test_a_corrupt_file_is_refused(fake, old, new, message):
    path = fake / PARTS[0]
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        load("qm9")


def test_a_missing_file_and_a_missing_package_are_told(fake, monkeypatch):
    (fake / PARTS[1]).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"qm9_part2\.csv is missing; install qm9pack again"
    ):
        load("qm9")
    monkeypatch.setattr("geomdl.data.qm9.find_spec", lambda name: None)
    with pytest.raises(
        FileNotFoundError, match=r"install qm9pack \(pip install 'geomdl-torch\[chem\]"
    ):
        load("qm9")


@pytest.mark.skipif(find_spec("qm9pack") is None, reason="qm9pack is not installed")
def test_the_real_one():
    found = load("qm9")
    assert len(found["index"]) == 130_831
    assert found["index"][0] == 1 and found["numbers"][0, :6].tolist() == [6, 1, 1, 1, 1, 0]
    assert found["energy"][0].item() == pytest.approx(-40.47893 * HARTREE)
    atoms = found["numbers"] > 0
    distances = torch.cdist(found["positions"][:2000], found["positions"][:2000])
    pairs = atoms[:2000, :, None] & atoms[:2000, None] & ~torch.eye(29, dtype=torch.bool)
    assert 0.9 < distances[pairs].min() < 1.0  # the shortest bond is O-H
