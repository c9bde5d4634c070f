"""The audit under many groups, with several inputs and outputs."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Nodes, Vector, audit
from geomdl.fields import positions
from tests.auditing.networks import images, invariant, seeded

EXACT = 1e-12


def vectors(group: geomdl.Group, n: int = 2) -> dict[str, Field]:
    return {f"v{i}": Field(Vector(), group.standard) for i in range(n)}


def lorentz(p: Tensor, q: Tensor) -> Tensor:
    return p[..., :1] * q[..., :1] - (p[..., 1:] * q[..., 1:]).sum(-1, keepdim=True)


@pytest.mark.parametrize("name", ["SO+(1,3)", "SO(1,3)", "O(1,3)"])
def test_lorentz_product_passes_and_euclidean_fails(name: str) -> None:
    G = geomdl.group(name)
    p, q = images(6, 4), images(6, 4, seed=1)
    right = audit(lorentz, p, q, source=vectors(G), target=invariant(G))
    assert right.passed()
    assert not right.exhaustive
    assert "law of group.sample" in right.confidence
    wrong = audit(lambda p, q: (p * q).sum(-1, keepdim=True), p, q,
                  source=vectors(G), target=invariant(G))  # fmt: skip
    assert wrong.error > 0.1


def test_lorentz_components_are_all_tried() -> None:
    """Invariant under SO⁺(1,3), not under time reversal: found on the other components alone."""
    G = geomdl.group("O(1,3)")
    p = torch.tensor([[2.0, 0.3, 0.1, 0.2], [3.0, 1.0, 0.4, 0.1]])
    sign = lambda p: torch.sign(p[..., :1]) * lorentz(p, p)  # noqa: E731
    source = Field(Vector(), G.standard)
    found = audit(sign, p, source=source, target=invariant(G), samples=32)
    assert sum(row.error <= EXACT for row in found.per_element) >= 16
    assert sum(row.error > 1 for row in found.per_element) >= 16
    component = geomdl.group("SO+(1,3)")
    narrow = Field(Vector(), component.standard)
    assert audit(sign, p, source=narrow, target=invariant(component)).passed()


def test_boosts_are_divided_by_their_norm() -> None:
    G = geomdl.group("SO+(1,3)")
    f = Field(Vector(), G.standard)
    boost = G.exp(torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 8.0], dtype=torch.float64))
    if G.standard(boost).abs().max() < 10:
        boost = G.exp(torch.tensor([8.0, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64))
    norm = float(torch.linalg.matrix_norm(G.standard(boost), 2))
    assert norm > 1e3
    shifted = lambda p: p + 1  # noqa: E731
    found = audit(shifted, images(5, 4), source=f, target=f, elements=boost)
    assert 0.1 < found.error < 10


def triple(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return (torch.linalg.cross(a, b) * c).sum(-1, keepdim=True)


def test_pseudo_scalar_passes_so3_and_fails_o3() -> None:
    abc = [images(5, 3, seed=i) for i in range(3)]
    SO3, O3 = geomdl.group("SO3"), geomdl.group("O3")
    assert audit(triple, *abc, source=vectors(SO3, 3), target=invariant(SO3)).passed()
    found = audit(triple, *abc, source=vectors(O3, 3), target=invariant(O3))
    assert found.error > 0.1
    assert {row.det for row in found.per_element if row.error > EXACT} == {-1}
    odd = Field(Vector(), O3.irrep((0, -1)))
    assert audit(triple, *abc, source=vectors(O3, 3), target=odd).passed()


def message_passing(h: Tensor, pos: Tensor, mass: Tensor) -> dict[str, Tensor]:
    apart = pos.unsqueeze(1) - pos.unsqueeze(0)
    weight = torch.exp(-apart.square().sum(-1, keepdim=True))
    mixed = (weight * torch.tanh(h).unsqueeze(0)).sum(1)
    force = (weight * h.mean(-1)[None, :, None] * apart).sum(1) / mass
    return {"h": mixed, "pos": pos + force, "energy": mixed.sum()}


@pytest.mark.parametrize("name", ["S5", "O3", "S5 * O3", "S5 * SE3"])
def test_several_inputs_and_outputs(name: str) -> None:
    G = geomdl.group(name)
    h, pos = images(5, 2), images(5, 3, seed=1)
    moves = geomdl.group("S5") if name == "S5" else G
    where = Field(Nodes(), moves.trivial, channels=3) if name == "S5" else positions(G)
    feature = Field(Nodes(), G.trivial, channels=2)
    source = {"h": feature, "pos": where, "mass": None}
    if name == "S5":
        h, pos = h.unsqueeze(-2), pos.unsqueeze(-2)
        call = lambda h, pos, mass: {  # noqa: E731
            key: value.unsqueeze(-2) if value.ndim else value
            for key, value in message_passing(h.squeeze(-2), pos.squeeze(-2), mass).items()
        }
    else:
        h = h.unsqueeze(-2)
        call = lambda h, pos, mass: {  # noqa: E731
            key: value.unsqueeze(-2) if key == "h" else value
            for key, value in message_passing(h.squeeze(-2), pos, mass).items()
        }
    target = {"h": feature, "pos": where, "energy": Field(Vector(), G.trivial, shape=())}
    found = audit(call, h, pos, torch.tensor(2.0), source=source, target=target)
    assert found.passed()
    assert set(found.per_element[0].errors) == {"h", "pos", "energy"}

    def sabotaged(h: Tensor, pos: Tensor, mass: Tensor) -> dict[str, Tensor]:
        out = call(h, pos, mass)
        ramp = torch.arange(5, dtype=h.dtype).reshape(-1, 1, 1)
        kick = ramp * pos[:1, ..., :1].reshape(1, 1, 1)
        return {**out, "h": out["h"] + 1e-4 * kick}

    found = audit(sabotaged, h, pos, torch.tensor(2.0), source=source, target=target)
    assert found.error > 1e-6
    assert found.worst is not None
    assert found.worst.errors["energy"] <= 1e-11
    assert found.worst.errors["h"] == found.error


def test_graph_moves_with_its_nodes() -> None:
    S4 = geomdl.group("S4")
    graph = geomdl.Graph.from_edge_index(torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]]))
    x = images(4, 3)
    feature = Field(Nodes(), S4.trivial, channels=3)
    source = {
        "x": Field(Nodes(), S4.trivial, channels=3),
        "graph": Field(geomdl.fields.Edges(), S4.trivial),
    }

    def conv(x: Tensor, graph: geomdl.Graph) -> Tensor:
        out = torch.zeros_like(x)
        return out.index_add(0, graph.target.long(), x[graph.source.long()].tanh())

    found = audit(conv, x.unsqueeze(1), graph, source=source, target=feature)
    assert found.passed()
    assert found.exhaustive

    def first(x: Tensor, graph: geomdl.Graph) -> Tensor:
        out = torch.zeros_like(x)
        return out.index_add(0, graph.target[:1].long(), x[graph.source[:2].long()][:1])

    assert audit(first, x.unsqueeze(1), graph, source=source, target=feature).passed()

    def node_zero(x: Tensor, graph: geomdl.Graph) -> Tensor:
        return conv(x, graph) + graph.in_degree[0] * x[:1]

    assert audit(node_zero, x.unsqueeze(1), graph, source=source, target=feature).error > 0.1
    rename = audit(lambda x, graph: (x, graph), x.unsqueeze(1), graph, source=source,
                   target=(feature, source["graph"]))  # fmt: skip
    assert rename.passed()


def test_large_symmetric_group_with_space_is_sampled() -> None:
    """20! components: they are sampled, not listed."""
    G = geomdl.group("S20 * O3")
    pos = images(20, 3)
    found = audit(lambda x: torch.cdist(x, x).square().sum(1, keepdim=True), pos,
                  source=positions(G), target=Field(Nodes(), G.trivial), samples=8)  # fmt: skip
    assert found.passed()
    assert sum(row.kind == "sample" for row in found.per_element) == 8


def test_translations_of_a_periodic_image() -> None:
    G = geomdl.group("Z6x6")
    field = Field(Grid(2, periodic=True), G.trivial)
    x = images(2, 1, 6, 6)
    circular = seeded(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"))
    assert audit(circular, x, source=field, target=field).passed()
    assert audit(seeded(nn.Conv2d(1, 1, 3, padding=1)), x, source=field, target=field).error > 0.01


def test_semidirect_product_and_its_factors() -> None:
    G = geomdl.group("Z6x6 : D4")
    field = Field(Grid(2, periodic=True), G.trivial)
    x = images(2, 1, 6, 6)
    circular = seeded(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"))
    assert audit(circular, x, source=field, target=field).error > 0.01
    assert audit(circular, x, group="Z6x6", source=field, target=field).passed()
    assert audit(circular, x, group="D4", source=field, target=field).error > 0.01
    blur = lambda x: x + x.roll(1, -1) + x.roll(-1, -1) + x.roll(1, -2) + x.roll(-1, -2)  # noqa: E731
    assert audit(blur, x, source=field, target=field).passed()


def test_trivial_group_has_nothing_but_its_identity() -> None:
    C1 = geomdl.group("C1")
    field = Field(Vector(), 3 * C1.trivial)
    found = audit(torch.sin, images(2, 3), source=field, target=field)
    assert found.passed()
    assert len(found.per_element) == 1


def test_layers_on_any_graph_are_audited_under_the_permutations_named() -> None:
    one = geomdl.group("C1").trivial
    graph = geomdl.Graph.from_edge_index(torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]]))
    x = images(4, 3)
    source = {"x": Field(Nodes(), 3 * one), "graph": Field(geomdl.fields.Edges(), one)}
    target = {"sum": Field(Nodes(), 3 * one), "columns": Field(Nodes(), one, channels=3)}

    def conv(x: Tensor, graph: geomdl.Graph, ramp: float) -> dict[str, Tensor]:
        messages = (x + ramp * torch.arange(len(x))[:, None])[graph.source].tanh()
        out = torch.zeros_like(x).index_add(0, graph.target, messages)
        return {"sum": out, "columns": out.unsqueeze(1)}

    for ramp, passes in ((0.0, True), (1e-3, False)):
        found = audit(
            lambda x, graph, ramp=ramp: conv(x, graph, ramp),
            x, graph, group="S4", source=source, target=target,
        )  # fmt: skip
        assert found.group == "S4" and found.exhaustive
        assert found.passed() == passes
    found = audit(lambda x, graph: conv(x, graph, 1.0), x, graph, source=source, target=target)
    note = 'the group is C1, which says nothing; name the permutations: group="S4"'
    assert found.passed() and note in found.notes and note in str(found)
    with pytest.raises(ValueError, match="should have the 5 nodes that S5 permutes, got 4"):
        audit(conv, x, graph, group="S5", source={**source, "x": None}, target=target)


def test_fields_without_nodes_name_their_own_group() -> None:
    plain = Field(Vector(), 4 * geomdl.group("C1").trivial)
    with pytest.raises(ValueError, match="group: expected C1"):
        audit(torch.sin, images(2, 4), group="S4", source=plain, target=plain)


class Neighbours(torch.nn.Module):
    """Vectors at the nodes of a graph, summed over neighbours, each times its number if marked."""

    def __init__(self, marked):
        super().__init__()
        o3 = geomdl.group("O3")
        self.marked = marked
        self.target = geomdl.Field(geomdl.fields.Points(3), o3.standard)
        edges = geomdl.Field(geomdl.fields.Edges(), o3.trivial)
        self.source = {"x": self.target, "graph": edges}

    def forward(self, x, graph):
        weight = torch.arange(len(x)).to(x)[:, None] if self.marked else 1
        source, target = graph.to_edge_index()
        return torch.zeros_like(x).index_add(0, target, (weight * x)[source])


@pytest.mark.parametrize("marked", [False, True])
def test_permutations_of_nodes_beside_the_group_of_the_fields(marked):
    graph = geomdl.Graph.from_edge_index(torch.tensor([[0, 1, 2, 3], [1, 2, 0, 0]]))
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    f = Neighbours(marked)
    assert geomdl.audit(f, x, graph).passed(1e-12)
    assert geomdl.audit(f, x, graph, group="S4").passed(1e-12) is not marked
    with pytest.raises(ValueError, match="group: expected O3"):
        geomdl.audit(f, x, graph, group="R3")
