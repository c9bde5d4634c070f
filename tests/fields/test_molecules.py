"""Atoms out of the graphs of torch_geometric."""

import pytest
import torch
from torch_geometric.data import Batch, Data

from geomdl.fields import Graph, atoms_from_pyg

EDGES = torch.tensor([[0, 1, 2], [1, 2, 0]])
CHARGES, PLACES = torch.tensor([8, 1, 1]), torch.eye(3)


def test_one_molecule_and_a_batch():
    one = Data(z=CHARGES, pos=PLACES, edge_index=EDGES)
    z, pos, graph = atoms_from_pyg(one)
    assert torch.equal(z, CHARGES) and torch.equal(pos, PLACES)
    assert graph == Graph.from_edge_index(EDGES, 3)
    z, pos, graph = atoms_from_pyg(Batch.from_data_list([one, one]))
    assert z.tolist() == CHARGES.tolist() * 2 and pos.shape == (6, 3)
    assert graph == Graph.batch([Graph.from_edge_index(EDGES, 3)] * 2)


def test_gradients_reach_the_positions():
    places = PLACES.clone().requires_grad_()
    atoms_from_pyg(Data(z=CHARGES, pos=places, edge_index=EDGES)).pos.sum().backward()
    assert places.grad.tolist() == [[1.0] * 3] * 3


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"z": None}, ValueError, "data: expected a tensor z, got NoneType"),
        ({"pos": None}, ValueError, "data: expected a tensor pos, got NoneType"),
        ({"edge_index": None}, ValueError, "data: expected edge_index or adj_t, got neither"),
        ({"z": PLACES[0]}, TypeError, "data: z should be integers, got torch.float32"),
        ({"pos": EDGES.T}, TypeError, "data: pos should be real floating-point numbers"),
        ({"pos": PLACES[:, :2]}, ValueError, r"data: pos should have shape \(3, 3\), got \(3, 2\)"),
        ({"z": CHARGES[:2]}, ValueError, r"data: z should have shape \(3,\), got \(2,\)"),
    ],
)
def test_what_is_missing_or_does_not_fit(changes, error, message):
    data = Data(**({"z": CHARGES, "pos": PLACES, "edge_index": EDGES, "num_nodes": 3} | changes))
    with pytest.raises(error, match=f"^{message}"):
        atoms_from_pyg(data)
