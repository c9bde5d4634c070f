"""Readouts against their definitions, and every model with every head under the group."""

import pytest
import torch

from geomdl import audit
from geomdl.auditing.prepare import redraw
from geomdl.euclidean import NequIP, Potential, Readout, radius_graph
from geomdl.euclidean.atoms import AtomicModel, small_molecules
from geomdl.fields import Graph
from geomdl.registry import Example, default, record_of
from tests.laws.cases import make_case
from tests.laws.laws import TABLE

F64 = torch.float64
HEADS = ("sum", "mean", "dipole", "dipole_norm", "extent")
MODELS = ("EGNN", "Equiformer", "MACE", "NequIP", "PaiNN", "SchNet")


def built(name, head, outputs=1):
    """A small model with this head, in float64, weights of size one."""
    arguments = dict(record_of(default.example(f"euclidean/{name}").build()).arguments)
    model = default.create_model(
        f"euclidean/{name}", **{**arguments, "head": head, "outputs": outputs}
    )
    model = model.double().eval()
    redraw(model, torch.Generator().manual_seed(1))
    return model


def numbers(seed=0):
    z, pos, graph = small_molecules(torch.Generator().manual_seed(seed))
    rng = torch.Generator().manual_seed(seed + 1)
    return torch.randn(7, 1, generator=rng, dtype=F64), z, pos, graph


def of(head, *inputs):
    return Readout(head)(*inputs)


def test_heads_are_their_definitions():
    x, z, pos, graph = numbers()
    for k, part in enumerate((slice(0, 4), slice(4, 7))):
        q, r, weight = x[part], pos[part], z[part].double()[:, None]
        neutral = ((q - q.mean()) * (r - torch.tensor([3.0, -1, 2]))).sum(0)  # any origin
        centre = (weight * r).sum(0) / weight.sum()
        expected = {
            "sum": q.sum(0),
            "mean": q.mean(0),
            "dipole": neutral,
            "dipole_norm": neutral.norm()[None],
            "extent": (q * (r - centre).square().sum(1, keepdim=True)).sum(0),
        }
        for head, value in expected.items():
            found = of(head, x, z, pos, graph)[k]
            torch.testing.assert_close(found, value, rtol=1e-13, atol=1e-13)


def test_many_outputs_stand_one_after_another_and_systems_may_be_mixed():
    x, z, pos, graph = numbers()
    both = torch.cat([x, x.square(), x.sin()], 1)
    heads = ("mean", "dipole", "sum")
    layer = Readout(heads, 3)
    assert layer.target.rep.dim == 5
    found = layer(both, z, pos, graph)
    expected = [of(h, both[:, k : k + 1], z, pos, graph) for k, h in enumerate(heads)]
    assert torch.equal(found, torch.cat(expected, 1))
    perm = torch.tensor([6, 0, 3, 5, 1, 4, 2])
    moved = [torch.empty_like(t).index_copy(0, perm, t) for t in (both, z, pos)]
    again = layer(*moved, graph.permute(perm))
    torch.testing.assert_close(again, found, rtol=1e-13, atol=1e-13)


def test_a_vanishing_dipole_has_a_gradient_and_an_atom_alone_none():
    pos = torch.tensor([[0.0, 0, -1], [0, 0, 0], [0, 0, 1]], dtype=F64, requires_grad=True)
    graph = radius_graph(pos, 3.0).graph
    charges = torch.tensor([[-0.5], [1.0], [-0.5]], dtype=F64, requires_grad=True)
    length = of("dipole_norm", charges, torch.tensor([8, 6, 8]), pos, graph)
    assert length.item() == 0.0
    for slope in torch.autograd.grad(length.sum(), [pos, charges]):
        assert torch.equal(slope, torch.zeros_like(slope))
    alone = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), 1)
    one = of("dipole", torch.ones(1, 1), torch.tensor([8]), torch.ones(1, 3), alone)
    assert torch.equal(one, torch.zeros(1, 3))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_keeps_the_symmetry_of_every_head(name):
    model = built(name, HEADS, len(HEADS))
    assert model.target.rep.dim == 7
    found = audit(model, *small_molecules(torch.Generator().manual_seed(3)))
    assert found.error <= 1e-10


class FromTheOrigin(NequIP):
    """Sabotaged: charges that are not neutral, times places as they are."""

    def forward(self, z, pos, graph):
        kind = self.kinds(z)
        charges = self.atoms(kind, pos[graph.target.long()] - pos[graph.source.long()], graph, None)
        return torch.zeros(2, 3, dtype=pos.dtype).index_add(0, graph.batch_index, charges * pos)


class Lengths(NequIP):
    """Sabotaged: lengths of components are no vector."""

    def forward(self, z, pos, graph):
        return super().forward(z, pos, graph).abs()


@pytest.mark.parametrize("kind", [FromTheOrigin, Lengths])
def test_sabotaged_dipoles_fail(kind):
    model = kind((1, 6), lmax=1, channels=3, layers=2, cutoff=3.0, head="dipole").double().eval()
    redraw(model, torch.Generator().manual_seed(1))
    found = audit(model, *small_molecules(torch.Generator().manual_seed(3)))
    assert found.error > 1e-2


@pytest.mark.parametrize("law", TABLE)
def test_laws_hold_of_a_model_with_each_head(law):
    def build():
        sizes = {"channels": 4, "layers": 1, "cutoff": 3.0, "outputs": 5}
        return default.create_model("euclidean/SchNet", species=(1, 6), head=HEADS, **sizes)

    TABLE[law](make_case("all heads", default, Example(build, small_molecules, tol=1e-10)))


def test_intensive_and_extensive():
    z, pos, _ = small_molecules(torch.Generator().manual_seed(0))
    z, pos = z[:4], pos[:4]
    twice = torch.cat([z, z]), torch.cat([pos, pos + 30.0])
    for head, times in (("sum", 2), ("mean", 1)):
        model = built("SchNet", head)
        one = model(z, pos, radius_graph(pos, model.cutoff).graph)
        two = model(*twice, radius_graph(twice[1], model.cutoff).graph)
        torch.testing.assert_close(two, times * one, rtol=1e-11, atol=0)


@pytest.mark.parametrize("heads", ["sum", ("dipole", "mean")])
@pytest.mark.parametrize("name", ["x", "z", "pos"])
def test_wrong_shapes_are_refused(heads, name):
    outputs = 1 if heads == "sum" else 2
    _, z, pos, graph = numbers()
    given = {"x": torch.zeros(7, outputs), "z": z, "pos": pos}
    good = given[name]
    Readout(heads, outputs)(graph=graph, **given)
    wrong = [torch.cat([good, good[:1]]), good[1:], good.unsqueeze(-1)]
    if good.ndim == 2:
        wrong += [torch.cat([good, good[:, :1]], 1), good[:, 1:]]
    for value in wrong:
        with pytest.raises(ValueError, match=rf"^{name}: expected shape \(7,.*\), got \("):
            Readout(heads, outputs)(graph=graph, **{**given, name: value})


def test_refusals():
    with pytest.raises(ValueError, match=r"^head: expected one of sum, .*, got 'max'$"):
        NequIP((1,), head="max")
    with pytest.raises(ValueError, match=r"^head: .* a list of 1 of them, got \('sum', 'mean'\)$"):
        NequIP((1,), head=("sum", "mean"))
    with pytest.raises(ValueError, match=r"^head: expected one of sum, .*, got None$"):
        NequIP((1,), head=None)
    with pytest.raises(ValueError, match=r"^outputs: expected a positive number, got 0$"):
        Readout(HEADS, 0)
    with pytest.raises(ValueError, match=r"^model: expected head 'sum', since .*, got 'mean'$"):
        Potential(NequIP((1,), channels=4, head="mean"))
    model = NequIP((1,), channels=4, head="extent")
    assert isinstance(model, AtomicModel)
    pos, cell = torch.zeros(1, 3), 9 * torch.eye(3)[None]
    graph, shifts = radius_graph(pos, 2.0, cell)
    with pytest.raises(ValueError, match=r"^cell: expected None, since places count for extent"):
        model(torch.tensor([1]), pos, graph, shifts, cell)
