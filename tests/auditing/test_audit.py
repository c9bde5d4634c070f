"""The audit passes what is right, and fails each twin."""

import functools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Nodes, Points, Vector, audit
from geomdl.fields import positions
from tests.auditing import networks
from tests.auditing.networks import C4, D4, C4Net, images, invariant, seeded

EXACT = 1e-12


@pytest.fixture
def x() -> Tensor:
    return images(4, 1, 11, 11)


@pytest.fixture
def net() -> C4Net:
    return seeded(C4Net())


# --- images -----------------------------------------------------------------------------------
def test_hand_written_group_convolution_is_exact(net: C4Net, x: Tensor) -> None:
    found = audit(net, x)
    assert found.error <= EXACT
    assert found.passed()
    assert found.passed(EXACT)
    assert found.group == "C4"
    assert found.dtype == "float64"
    assert found.exhaustive
    assert [row.label for row in found.per_element] == ["90°", "180°", "270°"]
    assert found.roundtrip == 0.0


def test_feature_maps_turn_with_their_channels(net: C4Net, x: Tensor) -> None:
    maps = Field(Grid(2), 3 * C4.regular)
    assert audit(net.lift, x, source=net.source, target=maps).passed()
    wrong = Field(Grid(2), 12 * C4.trivial)
    assert audit(net.lift, x, source=net.source, target=wrong).error > 0.1


def test_float32_stays_within_its_tolerance(net: C4Net, x: Tensor) -> None:
    found = audit(net, x, dtype=torch.float32)
    assert 0 < found.error <= 1e-5
    assert found.dtype == "float32"
    assert found.passed()


def test_plain_cnn_fails(x: Tensor) -> None:
    found = audit(seeded(networks.PlainCNN()), x, source=networks.image(), target=invariant(D4, 10))
    assert found.error > 1e-2
    assert not found.passed(1e-3)


def test_offset_hides_nothing(net: C4Net, x: Tensor) -> None:
    plain = audit(networks.Broken(net), x)
    hidden = audit(networks.BrokenOffset(net), x)
    assert not hidden.passed()
    assert not hidden.passed(1e-5)
    assert hidden.error == pytest.approx(plain.error, rel=1e-3)
    # relative to the size of the output the break is nowhere to be seen
    assert hidden.error * hidden.outputs[0].variation / hidden.outputs[0].size < 1e-7


def test_offset_alone_is_no_break(net: C4Net, x: Tensor) -> None:
    found = audit(networks.Offset(net), x)
    assert found.passed()
    assert 1e-12 < found.tol < 1e-10
    assert found.error <= 1e-10


def test_offset_by_what_the_group_leaves_alone_hides_nothing() -> None:
    """Energies of molecules: they vary a lot with the atoms, and little with what turns them."""
    O3 = geomdl.group("O3")
    source = {"z": Field(Nodes(), O3.trivial, shape=()), "pos": positions(O3)}
    z = torch.tensor([6.0, 1.0, 8.0, 1.0])
    pos = images(4, 3)

    def energy(z: Tensor, pos: Tensor, broken: float) -> Tensor:
        pairs = torch.cdist(pos, pos).square()
        return -1e3 * z.sum() + (z @ torch.exp(-pairs) @ z) + broken * pos[:, 0].square().sum()

    def error(broken: float) -> float:
        f = functools.partial(energy, broken=broken)
        return audit(f, z, pos, source=source, target=Field(Vector(), O3.trivial, shape=())).error

    assert error(0.0) <= 1e-11
    assert error(1e-3) > 1e-5


def test_zero_hides_and_randomize_finds(net: C4Net, x: Tensor) -> None:
    hidden = networks.HiddenByZero(net)
    assert audit(hidden, x).passed()
    found = audit(hidden, x, randomize=True)
    assert found.error > 1e-3
    assert found.randomized
    assert audit(net, x, randomize=True).passed()
    assert hidden.gate.item() == 0.0


def test_nan_never_passes(net: C4Net, x: Tensor) -> None:
    found = audit(networks.NaN(net), x)
    assert not found.error <= 1e300
    assert not found.passed(float("inf"))
    assert found.reason == "output of f is not finite: it has NaN or infinite entries"


def test_nan_at_one_element_never_passes(x: Tensor) -> None:
    def f(x: Tensor) -> Tensor:
        y = x.square().mean((-2, -1))
        upper = x[..., : x.shape[-2] // 2, :].mean()
        return y if upper == mean else torch.log(-y)

    mean = x.double()[..., :5, :].mean()
    found = audit(f, x, source=networks.image(C4), target=invariant(C4))
    assert not found.passed(float("inf"))
    assert found.reason == "output of f is not finite at 90°"


def test_constant_never_passes(net: C4Net, x: Tensor) -> None:
    found = audit(networks.Constant(net), x)
    assert not found.error <= 1e300
    assert not found.passed(float("inf"))
    assert found.reason is not None
    assert found.reason.startswith("output does not vary with the inputs beyond rounding (rms 3)")


def test_constant_class_never_passes(x: Tensor) -> None:
    f = lambda x: torch.zeros(len(x), dtype=torch.int64)  # noqa: E731
    found = audit(
        f, x, source=networks.image(C4), target=None or Field(Vector(), C4.trivial, shape=())
    )
    assert not found.passed(float("inf"))
    assert found.reason == "output has the same value everywhere: a constant proves nothing"


def test_labels_count_the_share_that_differs(x: Tensor) -> None:
    scalar = Field(Vector(), C4.trivial, shape=())
    right = lambda x: (x.square().mean((1, 2, 3)) > 1).long()  # noqa: E731
    wrong = lambda x: (x[:, 0, 0, 0] > 0).long()  # noqa: E731
    assert audit(right, x, source=networks.image(C4), target=scalar).error == 0.0
    assert audit(wrong, x, source=networks.image(C4), target=scalar).error >= 0.25


@pytest.mark.parametrize("dropped", range(4))
def test_one_dropped_element_is_found(net: C4Net, x: Tensor, dropped: int) -> None:
    """A Reynolds average over D4 that forgets one element (deepinv's way of failing)."""
    head = nn.Conv2d(1, 3, 3)
    seeded(head)
    elements = [(k, flip) for k in range(4) for flip in (False, True)]

    class Average(nn.Module):
        source, target = networks.image(), invariant(D4, 3)

        def __init__(self, elements: list[tuple[int, bool]]) -> None:
            super().__init__()
            self.head, self.elements = head, elements

        def forward(self, x: Tensor) -> Tensor:
            moved = (x.flip(-1).rot90(k, (-2, -1)) if flip else x.rot90(k, (-2, -1))
                     for k, flip in self.elements)  # fmt: skip
            return sum(self.head(m).relu().mean((-2, -1)) for m in moved)

    assert audit(Average(elements), x).passed()
    assert audit(Average(elements[: 2 * dropped] + elements[2 * dropped + 1 :]), x).error > 1e-3


def test_a_break_on_flips_alone_is_found(net: C4Net, x: Tensor) -> None:
    """The C4 network under D4: turns hold, flips do not, and the worst element says so."""
    found = audit(net, x, source=networks.image(D4), target=invariant(D4, 5))
    rows = {row.label: row.error for row in found.per_element}
    assert len(rows) == 7
    assert all(rows[label] <= EXACT for label in ("90°", "180°", "270°"))
    assert all(error > 1e-2 for label, error in rows.items() if "flip" in label)
    assert found.worst is not None
    assert "flip" in found.worst.label


def test_a_subgroup_of_the_declared_group(net: C4Net, x: Tensor) -> None:
    broken = functools.partial(audit, net, x, source=networks.image(D4), target=invariant(D4, 5))
    found = broken(group="C4")
    assert found.group == "C4"
    assert found.passed()
    assert not broken(group="D4").passed(1e-2)
    assert audit(net, x, group="C2").passed()


def test_random_f_is_told(x: Tensor) -> None:
    f = lambda x: x.mean((-2, -1)) + 1e-3 * torch.randn(len(x), 1, dtype=x.dtype)  # noqa: E731
    found = audit(f, x, source=networks.image(C4), target=invariant(C4))
    assert not found.passed(1e-5)
    assert found.notes == ("f is not deterministic: output differs between two calls",)


# --- a symmetric input ------------------------------------------------------------------------
@pytest.mark.parametrize("x", [torch.zeros(2, 1, 9, 9), torch.ones(2, 1, 9, 9)])
def test_an_input_that_elements_fix_hides_nothing(x: Tensor) -> None:
    cnn = seeded(networks.PlainCNN())
    found = audit(cnn, x, source=networks.image(), target=invariant(D4, 10))
    assert found.error > 1e-3
    assert "7 of the elements fix the inputs, which were perturbed by a tenth" in found.notes


def test_inputs_on_which_nothing_acts_are_left_alone() -> None:
    field = Field(Vector(), 3 * D4.trivial)
    found = audit(torch.sin, torch.ones(2, 3), source=field, target=field)
    assert found.passed()
    assert found.notes == ()


# --- other groups -----------------------------------------------------------------------------
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


# --- manners ----------------------------------------------------------------------------------
def test_module_inputs_and_random_state_stay(net: C4Net, x: Tensor) -> None:
    net.train()
    norm = nn.BatchNorm2d(1)
    net.norm = norm
    weights = {k: v.clone() for k, v in net.state_dict().items()}
    before, state = x.clone(), torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()
    audit(net, x, randomize=True, training=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(x, before)
    assert net.training
    assert all(p.dtype == torch.float32 and p.requires_grad for p in net.parameters())
    assert all(torch.equal(v, weights[k]) for k, v in net.state_dict().items())


def test_audits_are_reproducible(net: C4Net, x: Tensor) -> None:
    SO3 = geomdl.group("SO3")
    v = Field(Vector(), SO3.standard)
    f = lambda x: x + 0.1 * x.square()  # noqa: E731
    first, second = (audit(f, images(4, 3), source=v, target=v, seed=3) for _ in range(2))
    assert first.per_element == second.per_element
    assert first.per_element != audit(f, images(4, 3), source=v, target=v, seed=4).per_element


def test_evaluation_mode_is_the_default(net: C4Net, x: Tensor) -> None:
    dropout = nn.Dropout(0.5)
    field = Field(Vector(), 3 * C4.trivial)
    v = images(8, 3)
    assert audit(dropout, v, source=field, target=field).passed()
    assert audit(dropout, v, source=field, target=field, training=True).error > 0.1
    assert audit(dropout, v, source=field, target=field, training=None).error > 0.1
    assert audit(dropout.eval(), v, source=field, target=field, training=None).passed()


def test_in_place_layers_do_no_harm(x: Tensor) -> None:
    field = networks.image(C4)
    f = nn.Sequential(nn.ReLU(inplace=True), nn.Hardtanh(inplace=True))
    assert audit(f, x, source=field, target=field).passed()


def test_bound_method_of_a_module(net: C4Net, x: Tensor) -> None:
    found = audit(net.forward, x, source=net.source, target=net.target)
    assert found.passed()
    assert found.subject == "C4Net.forward"
    assert net.lift.weight.dtype == torch.float32


def test_forces_by_autograd_inside() -> None:
    O3 = geomdl.group("O3")

    class Forces(nn.Module):
        source, target = {"pos": positions(O3)}, Field(Points(3), O3.standard)

        def forward(self, pos: Tensor) -> Tensor:
            pos = pos.requires_grad_()
            energy = torch.exp(-torch.cdist(pos, pos + 1e-3).square()).sum()
            energy = torch.exp(-(pos.unsqueeze(0) - pos.unsqueeze(1)).square().sum(-1)).sum()
            return -torch.autograd.grad(energy, pos)[0]

    with torch.no_grad():
        assert audit(Forces(), images(4, 3)).passed()


def test_given_elements_only(net: C4Net, x: Tensor) -> None:
    one = audit(net, x, elements=torch.tensor(1))
    assert [row.kind for row in one.per_element] == ["given"]
    assert not one.exhaustive
    assert audit(net, x, elements=[torch.tensor(k) for k in (1, 2, 3)]).exhaustive
    assert len(audit(net, x, elements=C4.elements).per_element) == 4


def test_draws_give_the_variation(x: Tensor) -> None:
    """Inputs on a sphere: perturbed ones leave it, drawn ones do not."""
    SO3 = geomdl.group("SO3")
    v = Field(Vector(), SO3.standard)

    def draw(rng: torch.Generator) -> list[Tensor]:
        return [nn.functional.normalize(torch.randn(4, 3, generator=rng), dim=-1)]

    def f(x: Tensor) -> Tensor:
        assert torch.allclose(x.norm(dim=-1), torch.ones((), dtype=x.dtype), atol=1e-6)
        return 2 * x

    (x,) = draw(torch.Generator().manual_seed(0))
    found = audit(f, x, source=v, target=v, draw=draw)
    assert found.passed()
    assert found.outputs[0].variation == pytest.approx(2 / 3**0.5, rel=0.3)
    with pytest.raises(AssertionError):
        audit(f, x, source=v, target=v)


# --- refusals ---------------------------------------------------------------------------------
def test_refusals(net: C4Net, x: Tensor) -> None:
    bad = x.clone()
    bad[0, 0, 3, 4] = torch.nan
    with pytest.raises(ValueError, match=r"^x: expected numbers, got NaN in 1 entries$"):
        audit(net, bad)
    bad[0, 0, 3, 4] = torch.inf
    with pytest.raises(ValueError, match=r"^x: expected finite numbers, got infinity$"):
        audit(net, bad)
    with pytest.raises(ValueError, match=r"^x: axis 1 should be rep.dim=1, got 2$"):
        audit(net, images(4, 2, 11, 11))
    with pytest.raises(ValueError, match=r"^inputs: source names 1 \(x\), got 2$"):
        audit(net, x, x)
    with pytest.raises(ValueError, match=r"^source: f declares none, give source=Field"):
        audit(nn.Identity(), x)
    with pytest.raises(ValueError, match=r"^target: f declares none, give target=Field"):
        audit(nn.Identity(), x, source=networks.image())
    with pytest.raises(ValueError, match=r"^group: expected C4, the group of source and target"):
        audit(net, x, group="D5")
    with pytest.raises(ValueError, match=r"^group: all fields should be of C4, got one of D4$"):
        audit(net, x, target=invariant(D4, 5))
    with pytest.raises(ValueError, match=r"^target: output: last axis should be rep.dim=4, got 5$"):
        audit(net, x, target=invariant(C4, 4))
    with pytest.raises(TypeError, match=r"^f: expected a callable, got int$"):
        audit(3, x, source=net.source, target=net.target)
    with pytest.raises(TypeError, match=r"^per_layer: f should be an nn.Module, got function$"):
        audit(lambda x: x, x, source=net.source, target=net.source, per_layer=True)
    with pytest.raises(TypeError, match=r"^randomize: f should be an nn.Module, got function$"):
        audit(lambda x: x, x, source=net.source, target=net.source, randomize=True)
    with pytest.raises(ValueError, match=r"^samples: expected 0 or more, got -1$"):
        audit(net, x, samples=-1)
    with pytest.raises(ValueError, match=r"^elements: expected at least one, got none$"):
        audit(net, x, elements=[])
