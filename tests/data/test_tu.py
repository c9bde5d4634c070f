"""The text format of TU Dortmund against PyG's reader, ENZYMES itself, and what is refused."""

import os
import zipfile
from pathlib import Path

import pytest
import torch
from torch_geometric.io import read_tu_data

from geomdl.data import load, load_tu

TEXTS = {
    "A": "1, 2\n2, 1\n3, 2\n2, 3\n4, 5\n5, 4\n",
    "graph_indicator": "1\n1\n1\n2\n2\n",
    "graph_labels": "7\n-1\n",
    "node_attributes": "1.5, 2\n-3, 1e-1\n0, 0\n 4,5\n6, 7\n",
    "node_labels": "0\n2\n2\n0\n5\n",
    "edge_labels": "1\n1\n0\n0\n1\n1\n",
    "edge_attributes": "0.5\n0.5\n1\n1\n2\n2\n",
    "graph_attributes": "0.25, 1\n-0.5, 2\n",
}
HERE = os.environ.get("GEOMDL_DATA")
ENZYMES = Path(HERE or "") / "ENZYMES.zip"


@pytest.fixture
def write(tmp_path):
    """Folder with some texts changed, or left out."""

    def do(**change) -> Path:
        for what, text in (TEXTS | change).items():
            if text is not None:
                (tmp_path / f"TINY_{what}.txt").write_text(text)
        return tmp_path

    return do


def zipped(folder: Path, path: Path, inside: str = "TINY") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for text in sorted(folder.glob("*.txt")):
            file.write(text, f"{inside}/{text.name}")
    return path


def check_same_as_pyg(found, folder, name):
    theirs, slices, _ = read_tu_data(str(folder), name)
    assert torch.equal(found["x"], theirs.x)
    order = (found["edge_index"][0] * len(found["batch"]) + found["edge_index"][1]).argsort()
    offset = slices["x"][:-1].repeat_interleave(slices["edge_index"].diff())
    assert torch.equal(found["edge_index"][:, order], theirs.edge_index + offset)
    assert torch.equal(found["batch"].bincount(), slices["x"].diff())
    return theirs, order


def test_everything_there_may_be(write):
    folder = write()
    found = load_tu(folder, "TINY")
    assert found["edge_index"].tolist() == [[0, 1, 2, 1, 3, 4], [1, 0, 1, 2, 4, 3]]
    assert found["batch"].tolist() == [0, 0, 0, 1, 1] and found["labels"].tolist() == [1, 0]
    assert found["x"][1].tolist() == [-3, pytest.approx(0.1), 0, 0, 1, 0, 0, 0]
    assert found["edge"][2].tolist() == [1, 1, 0]
    assert found["targets"].tolist() == [[0.25, 1], [-0.5, 2]]
    theirs, order = check_same_as_pyg(found, folder, "TINY")
    assert torch.equal(found["edge"][order], theirs.edge_attr)


def test_a_zip_is_read_as_it_is(write, tmp_path):
    path = zipped(write(), tmp_path / "TINY.zip")
    expected = load_tu(tmp_path, "TINY")
    for found in (load_tu(path), load_tu(str(zipped(write(), tmp_path / "x.zip", "a/b")), "TINY")):
        assert all(torch.equal(found[key], expected[key]) for key in expected)
        assert found.keys() == expected.keys()


def test_only_what_is_needed(write):
    rest = dict.fromkeys([key for key in TEXTS if key not in ("A", "graph_indicator")])
    assert set(load_tu(write(**rest), "TINY")) == {"edge_index", "batch"}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"A": None}, FileNotFoundError, "TINY: TINY_A.txt is missing"),
        ({"graph_indicator": None}, FileNotFoundError, "TINY: TINY_graph_indicator.txt is missing"),
        ({"A": "1, 2, 3\n"}, ValueError, "TINY_A.txt should hold pairs, got 3 a line"),
        ({"A": "1, 6\n"}, ValueError, "TINY_A.txt should name nodes from 1 to 5, got 1 to 6"),
        ({"A": "0, 1\n"}, ValueError, "TINY_A.txt should name nodes from 1 to 5, got 0 to 1"),
        ({"A": "1, x\n"}, ValueError, "TINY_A.txt: expected numbers, "),
        ({"A": "1, 2.5\n"}, ValueError, "TINY_A.txt: expected whole numbers, got others"),
        ({"graph_labels": "1\n"}, ValueError, "TINY_graph_labels.txt: expected 2 lines of 1 numb"),
        ({"node_labels": "1\n2\n"}, ValueError, "TINY_node_labels.txt: expected 5 lines of 1 num"),
        (
            {"node_attributes": "1, 2\n3\n4, 5\n6, 7\n8, 9\n"},
            ValueError,
            "TINY_node_attributes.txt: expected 5 lines of 2 numbers, got 5 lines with 9 numbers",
        ),
        (
            {"graph_indicator": "0\n1\n1\n1\n1\n"},
            ValueError,
            "TINY_graph_indicator.txt should coun",
        ),
    ],
)
def test_corrupt_texts_are_one_line(write, change, error, message):
    with pytest.raises(error) as caught:
        load_tu(write(**change), "TINY")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_no_file_and_a_broken_zip(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such file or folder$"):
        load_tu(tmp_path / "nowhere")
    (tmp_path / "TINY.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"TINY.zip: expected a whole zip file of texts, got"):
        load_tu(tmp_path / "TINY.zip")


def test_enzymes_is_missing_or_another(write, tmp_path, monkeypatch):
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    with pytest.raises(
        FileNotFoundError, match=r"^ENZYMES: give root=, or set GEOMDL_DATA, to the"
    ):
        load("ENZYMES")
    with pytest.raises(
        FileNotFoundError, match=r"^ENZYMES: .*ENZYMES.zip is missing; put https://"
    ):
        load("ENZYMES", root=tmp_path)
    for text in write().glob("TINY_*.txt"):
        text.rename(tmp_path / text.name.replace("TINY", "ENZYMES"))
    zipped(tmp_path, tmp_path / "ENZYMES.zip")
    with pytest.raises(ValueError, match=r"expected ENZYMES with shapes .*, got \{"):
        load("ENZYMES", root=tmp_path)


@pytest.mark.skipif(not ENZYMES.is_file(), reason="ENZYMES.zip is not in GEOMDL_DATA")
def test_the_real_enzymes(tmp_path):
    found = load("ENZYMES")
    assert found["labels"].bincount().tolist() == [100] * 6
    assert found["x"][:, 18:].sum(1).eq(1).all()
    source, target = found["edge_index"]
    assert torch.equal(found["batch"][source], found["batch"][target])
    with zipfile.ZipFile(ENZYMES) as file:
        file.extractall(tmp_path)
    theirs, _ = check_same_as_pyg(found, tmp_path / "ENZYMES", "ENZYMES")
    assert torch.equal(found["labels"], theirs.y)
    again = load("ENZYMES", root=tmp_path)
    assert all(torch.equal(again[key], found[key]) for key in found)
