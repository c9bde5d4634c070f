"""QM9 from a package with a few molecules in it, and the real one where it is installed."""

import sys
from importlib.util import find_spec

import pytest
import torch

from geomdl.data import load
from geomdl.data.qm9 import ATOMS, COLUMNS, HARTREE, PARTS, TARGETS, _split

HEAD = "N_atoms," + ",".join(COLUMNS) + "\n"
OTHERS = "1.5,13.2,-0.4,0.1,0.5,35.4,0.02,{u0},{u},{h},{g},6.5\n"
WATER = "3,3,\"['O','H','H']\",\"[[0,0,0.1],[0.7,0,-0.5],[-0.7,0,-0.5]]\"," + OTHERS.format(
    u0="-76.4", u="-76.39", h="-76.38", g="-76.41"
)
HYDROGEN = "2,{0},\"['H','H']\",\"[[0,0,0],[0,0,0.74]]\"," + OTHERS.format(
    u0="-1.1{1}", u="-1.1", h="-1.1", g="-1.1"
)


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
def test_targets_in_their_units_less_the_free_atoms():
    found = {key: value[0].item() for key, value in load("qm9").items() if key in TARGETS}
    plain = {"mu": 1.5, "alpha": 13.2, "r2": 35.4, "cv": 6.5}
    assert {key: found[key] for key in plain} == plain
    for key, value in {"homo": -0.4, "lumo": 0.1, "gap": 0.5, "zpve": 0.02}.items():
        assert found[key] == value * HARTREE
    for key, value in {"u0": -76.4, "u": -76.39, "h": -76.38, "g": -76.41}.items():
        alone = ATOMS[key][8] + 2 * ATOMS[key][1]
        assert found[key] == pytest.approx(HARTREE * (value - alone), abs=1e-10)


def test_free_atoms_are_those_of_torch_geometric():
    from torch_geometric.datasets.qm9 import atomrefs

    for key, theirs in {"u0": 7, "u": 8, "h": 9, "g": 10}.items():
        ours = [HARTREE * ATOMS[key][z] for z in (1, 6, 7, 8, 9)]
        assert ours == pytest.approx(atomrefs[theirs], rel=1e-8)


def test_the_standard_split():
    part = _split(130_831, 0)
    assert part.bincount().tolist() == [110_000, 10_000, 10_831]
    order = torch.randperm(130_831, generator=torch.Generator().manual_seed(0))[:10_000]
    shares = (
        part[order].bincount(minlength=3) / 10_000
    )  # the first of a choice are not all one part
    assert (shares - torch.tensor([0.841, 0.076, 0.083])).abs().max() <= 0.02
    assert not torch.equal(part, _split(130_831, 1))


@pytest.mark.usefixtures("fake")
def test_a_molecule_keeps_its_part():
    whole = load("qm9")
    known = dict(zip(whole["index"].tolist(), whole["split"].tolist(), strict=True))
    assert sorted(known.values()).count(0) == 6
    few = load("qm9", n=4, seed=3)
    assert [known[i] for i in few["index"].tolist()] == few["split"].tolist()
    assert any(
        not torch.equal(load("qm9", split_seed=k)["split"], whole["split"]) for k in (1, 2, 3, 4)
    )


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
        ("-76.4,", "much,", "could not convert string to float: 'much' in number 3"),
        ("-76.4,", "nan,", "energy should be finite"),
        ("[[0,0,0.1],", "[", "in number 3"),
        ("XYZ_Ang", "places", "expected the same columns"),
    ],
)
def test_a_corrupt_file_is_refused(fake, old, new, message):
    path = fake / PARTS[0]
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        load("qm9")


def test_a_column_that_is_missing_everywhere_is_refused(fake):
    for name in PARTS:
        path = fake / name
        path.write_text(path.read_text().replace("XYZ_Ang", "places"))
    with pytest.raises(ValueError, match="got 'XYZ_Ang' in number 3"):
        load("qm9")


@pytest.mark.usefixtures("fake")
def test_only_the_molecules_that_are_asked_for_are_read(fake):
    asked = load("qm9", n=3)["index"].tolist()
    wanted = next(i for i in (3, 10, 11, 12, 20, 21, 22) if i not in asked)
    for path in map(fake.joinpath, PARTS):
        lines = path.read_text().splitlines()
        path.write_text("\n".join(x if f",{wanted}," not in x[:8] else "broken" for x in lines))
    assert load("qm9", n=3)["index"].tolist() == asked
    with pytest.raises(ValueError, match="expected a molecule"):
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
    assert found["split"].bincount().tolist() == [110_000, 10_000, 10_831]
    assert found["u0"][0].item() == pytest.approx(-17.172, abs=1e-3)  # methane, as published
    assert found["mu"].mean().item() == pytest.approx(2.67, abs=0.05)
    assert found["gap"].mean().item() == pytest.approx(6.83, abs=0.05)
    assert (found["u0"] < 0).all() and (found["g"] > found["u0"]).all()
    torch.testing.assert_close(found["lumo"] - found["homo"], found["gap"], rtol=0, atol=6e-3)
