"""Molecules and crystals of torch_geometric go straight into every model and potential."""

import pytest
import torch
from torch_geometric.data import Batch, Data

from geomdl.euclidean import NequIP, Potential, radius_graph
from geomdl.interop.pyg import arguments
from geomdl.registry import default

F64 = torch.float64
CUTOFF = 3.0  # Å, of all examples
NAMES = ("EGNN", "Equiformer", "MACE", "NequIP", "PaiNN", "SchNet")


def molecule(n, seed=0, cell=None):
    """Data of n atoms with the edges that `radius_graph` finds."""
    rng = torch.Generator().manual_seed(seed)
    pos = 2.5 * torch.rand(n, 3, generator=rng, dtype=F64)
    z = torch.tensor([6, 1, 1, 6, 1, 6])[:n]
    graph, shifts = radius_graph(pos, CUTOFF, cell)
    data = Data(z=z, pos=pos, edge_index=graph.to_edge_index())
    if cell is not None:
        data.cell, data.shifts = cell, shifts
    return data


def lattice(size):
    return size * torch.tensor([[1.0, 0, 0], [0.2, 0.9, 0], [-0.1, 0.1, 1.1]], dtype=F64)


def model_of(name):
    return default.example(f"euclidean/{name}").build().double()


@pytest.mark.parametrize("name", NAMES)
def test_batches_go_into_models_and_potentials(name):
    parts = [molecule(4), molecule(6, seed=1)]
    model = model_of(name)
    model.eval()
    found = model(**arguments(Batch.from_data_list(parts)))
    alone = torch.cat([model(**arguments(part)) for part in parts])
    assert alone[0] != alone[1]
    assert (found - alone).abs().max() <= 1e-11 * alone.abs().max()
    potential = Potential(model)
    out = potential(**arguments(Batch.from_data_list(parts)))
    for at, part in enumerate(parts):
        expected = potential(part.z, part.pos)
        assert (out.energy[at] - expected.energy).abs() <= 1e-11 * expected.energy.abs()
        rows = slice(0, 4) if at == 0 else slice(4, 10)
        error = (out.forces[rows] - expected.forces).abs().max()
        assert error <= 1e-10 * expected.forces.abs().max()


@pytest.mark.parametrize("stacked", [False, True])
def test_crystals_bring_cells_and_shifts(stacked):
    cells = lattice(2.9), lattice(3.4)
    parts = [molecule(4, cell=cells[0]), molecule(6, 1, cells[1])]
    if stacked:
        for part in parts:
            part.cell = part.cell[None]
    potential = Potential(model_of("NequIP"))
    out = potential(**arguments(Batch.from_data_list(parts)))
    for at, (part, cell) in enumerate(zip(parts, cells, strict=True)):
        expected = potential(part.z, part.pos, cell)
        assert (out.energy[at] - expected.energy).abs() <= 1e-11 * expected.energy.abs()
        assert (out.stress[at] - expected.stress).abs().max() <= 1e-10 * expected.stress.abs().max()
        without = potential(part.z, part.pos).energy
        assert (without - expected.energy).abs() > 1e-6 * expected.energy.abs()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shifts": None}, "or neither, got cell without shifts$"),
        ({"cell": None}, "or neither, got shifts without cell$"),
        ({"cell": torch.eye(2)}, r"cell should have shape \(3, 3\) or \(1, 3, 3\), got \(2, 2\)$"),
        ({"cell": 3.0}, r"cell should have shape .* got float$"),
        ({"shifts": torch.zeros(1, 3)}, r"shifts should have shape \(\d+, 3\), got \(1, 3\)$"),
        ({"shifts": 1}, r"shifts should have shape .* got int$"),
        ({"z": None}, "expected a tensor z, got NoneType$"),
    ],
)
def test_bad_data_are_one_line(change, message):
    data = molecule(4, cell=lattice(2.9))
    for name, value in change.items():
        setattr(data, name, value)
    with pytest.raises(ValueError, match=f"^data: .*{message}") as caught:
        arguments(data)
    assert "\n" not in str(caught.value)


def test_charges_come_along():
    data = molecule(4)
    data.charge = torch.tensor([1.0])
    potential = Potential(NequIP((1, 6, 8), lmax=1, channels=4, attributes=("charge",))).double()
    given = arguments(data)
    charged = potential(**given).energy
    neutral = potential(**given | {"charge": None}).energy
    assert (charged - neutral).abs() > 1e-6 * neutral.abs()
    data.charge = torch.ones(2)
    with pytest.raises(ValueError, match=r"^data: charge should have shape \(1,\), got \(2,\)$"):
        arguments(data)
