"""Bonds of molecules whose bonds are known."""

from importlib.util import find_spec

import networkx
import pytest
import torch

from geomdl.data import bonds, load
from geomdl.data.molecular_graphs import RADII

HAS_ASE = pytest.mark.skipif(find_spec("ase") is None, reason="ase is not installed")


def test_ethanol_along_a_trajectory_at_500_kelvin():
    found = load("ethanol")
    z, frames = found["z"][::20], found["pos"][::20]
    graphs = bonds(z, frames)
    assert graphs["edge_index"].shape[1] == 16 * len(frames)  # eight bonds, also as they vibrate
    degrees = graphs["edge_index"][0].bincount().view(-1, 9)
    valence = {6: 4, 8: 2, 1: 1}
    assert all(row == [valence[int(n)] for n in z[0]] for row in degrees.tolist())
    ends = graphs["edge_index"]
    assert torch.equal(graphs["batch"][ends[0]], graphs["batch"][ends[1]])
    assert set(map(tuple, ends.T.tolist())) == set(map(tuple, ends.flip(0).T.tolist()))


@HAS_ASE
@pytest.mark.parametrize(
    ("name", "count", "rings"),
    [("C6H6", 12, 1), ("CH4", 4, 0), ("bicyclobutane", 11, 2), ("CH3CH2OCH3", 11, 0),
     ("C5H8", 14, 2), ("C4H4NH", 10, 1), ("HCN", 2, 0), ("N2", 1, 0), ("CO2", 2, 0),
     ("CH3Cl", 4, 0)],
)  # fmt: skip
def test_molecules_of_the_g2_set(name, count, rings):
    from ase.build import molecule

    atoms = molecule(name)
    found = bonds(torch.tensor(atoms.numbers), torch.tensor(atoms.positions))
    graph = networkx.Graph(found["edge_index"].T.tolist())
    assert graph.number_of_edges() == count and networkx.is_connected(graph)
    assert count - len(atoms) + 1 == rings


@HAS_ASE
def test_radii_are_those_of_ase():
    from ase.data import covalent_radii

    assert {z: pytest.approx(covalent_radii[z]) for z in RADII} == RADII


@HAS_ASE
def test_valences_over_the_g2_set():
    """All 98 molecules of H, C, N, O and F but one: the bond of F2 is longer than the rule says."""
    from ase.build import molecule
    from ase.collections import g2

    most, seen, wrong = {1: 1, 6: 4, 7: 4, 8: 3, 9: 1}, 0, []
    for name in g2.names:
        atoms = molecule(name)
        if not set(atoms.numbers.tolist()) <= set(most):
            continue
        found = bonds(torch.tensor(atoms.numbers), torch.tensor(atoms.positions))
        graph = networkx.empty_graph(len(atoms))
        graph.add_edges_from(found["edge_index"].T.tolist())
        valid = all(graph.degree[i] <= most[z] for i, z in enumerate(atoms.numbers.tolist()))
        seen += 1
        if not (valid and networkx.is_connected(graph)):
            wrong.append(name)
    assert seen == 98 and wrong == ["F2"]


def test_padding_and_batches():
    z = torch.tensor([[8, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]])
    pos = torch.zeros(4, 4, 3)
    pos[0, 1], pos[0, 2] = torch.tensor([0.76, 0, -0.6]), torch.tensor([-0.76, 0, -0.6])
    pos[1, 3, 0] = 0.74
    found = bonds(z, pos)
    assert found["z"].tolist() == [8, 1, 1, 1, 1, 1]
    assert found["batch"].tolist() == [0, 0, 0, 1, 1, 3]
    assert found["edge_index"].tolist() == [[0, 0, 1, 2, 3, 4], [1, 2, 0, 0, 4, 3]]
    alone = bonds(z[0], pos[0])
    assert torch.equal(alone["edge_index"], found["edge_index"][:, :4])


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"^pos: expected shape \(2, 3\) beside z"):
        bonds(torch.tensor([1, 1]), torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"^z: expected elements among \[1, 2, .*, got 92$"):
        bonds(torch.tensor([1, 92]), torch.zeros(2, 3))
