"""BREC and SR25 from files that the test writes, and what is wrong with other files."""

import networkx
import numpy
import pytest
import torch

from geomdl.data import load
from geomdl.data.brec import CATEGORIES, brec_pairs, sr25_graphs


def text(graph):
    return networkx.to_graph6_bytes(graph, header=False).strip()


@pytest.fixture
def folder(tmp_path):
    """As the benchmark's files: texts or bytes, flat or in two columns."""
    (tmp_path / "brec").mkdir()
    for k, (name, count) in enumerate(CATEGORIES.values()):
        nodes = 4 + 20 * k  # beyond 62
        lines = [text(networkx.cycle_graph(nodes)), text(networkx.path_graph(nodes))] * count
        array = numpy.array([line.decode() for line in lines] if k % 2 else lines)
        numpy.save(tmp_path / "brec" / f"{name}.npy", array.reshape(-1, 2) if k > 2 else array)
    lines = [text(networkx.circulant_graph(25, [1, 2 + k % 9])) for k in range(15)]
    (tmp_path / "brec" / "sr25.g6").write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


def test_pairs_in_the_order_of_the_benchmark(folder):
    pairs = brec_pairs(folder)
    assert len(pairs) == 400
    assert [pairs[k].category for k in (0, 59, 60, 110, 160, 260, 360, 380, 399)] == [
        "basic", "basic", "regular", "strongly regular", "extension", "CFI", "4-vertex condition",
        "distance regular", "distance regular",
    ]  # fmt: skip
    for pair in pairs[::19]:
        n = pair.first.num_nodes
        assert pair.second.num_nodes == n
        assert pair.first.edge_index.shape[1] == 2 * n
        assert pair.second.edge_index.shape[1] == 2 * (n - 1)
    assert len(brec_pairs(folder / "brec")) == 400


def test_load(folder, monkeypatch):
    found = load("brec", root=folder)
    assert found["ptr"].tolist()[:3] == [0, 4, 8] and len(found["ptr"]) == 801
    assert torch.equal(found["batch"].bincount(), found["ptr"].diff())
    assert found["category"].bincount().tolist() == [60, 50, 50, 100, 100, 20, 20]
    mine = found["edge_index"][:, found["batch"][found["edge_index"][0]] == 1]
    path = networkx.path_graph(4).to_directed()
    assert sorted(map(tuple, (mine - 4).T.tolist())) == sorted(path.edges)
    assert found["edge_index"].shape[1] == sum(
        g.edge_index.shape[1] for pair in brec_pairs(folder) for g in pair[1:]
    )
    monkeypatch.setenv("GEOMDL_DATA", str(folder))
    assert torch.equal(load("brec")["edge_index"], found["edge_index"])
    assert load("sr25")["ptr"].diff().tolist() == [25] * 15
    assert sr25_graphs()[3].edge_index.shape == (2, 100)


def test_missing_and_foreign_files(folder, monkeypatch):
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="brec: give root=, or set GEOMDL_DATA"):
        brec_pairs()
    with pytest.raises(FileNotFoundError, match=r"sr25: no sr25.g6 in .*nowhere"):
        sr25_graphs(folder / "nowhere")
    numpy.save(folder / "brec" / "dr.npy", numpy.arange(40))
    with pytest.raises(ValueError, match=r"dr.npy: expected 40 texts, got 40 of int64"):
        brec_pairs(folder)
    (folder / "brec" / "dr.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"dr.npy: expected a whole .npy file of texts"):
        brec_pairs(folder)
    (folder / "brec" / "dr.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"brec: no such file, .*dr.npy"):
        brec_pairs(folder)
    (folder / "brec" / "sr25.g6").write_bytes(b"Bw\n")
    with pytest.raises(ValueError, match=r"sr25.g6: expected 15 graphs of 25 nodes, got 1 graphs"):
        sr25_graphs(folder)
