"""Packed molecules, shift and scale for every head, and training on properties."""

from dataclasses import fields

import pytest
import torch

from geomdl.euclidean import (
    Molecules,
    NequIP,
    PropertyLoss,
    SchNet,
    fit_property,
    fit_shift_and_scale,
    packing,
    property_errors,
    radius_graph,
)
from geomdl.euclidean.readout import Readout
from geomdl.fields import Graph

HEADS = ("sum", "mean", "dipole", "extent", "dipole_norm")
KINDS = torch.tensor([0, 1, 6, 8])


def some(n=40, places=6, seed=0):
    """Molecules of different sizes; some have no atoms."""
    rng = torch.Generator().manual_seed(seed)
    z = KINDS[torch.randint(4, (n, places), generator=rng)]
    pos = 1.5 * torch.randn(n, places, 3, generator=rng, dtype=torch.float64)
    return {"numbers": z, "positions": pos}


def packed(found, cutoff=3.0):
    return Molecules.of(found["numbers"], found["positions"], cutoff)


def test_a_batch_is_what_a_search_finds(monkeypatch):
    monkeypatch.setattr(packing, "_CHUNK", 7)
    found = some()
    found["numbers"][3] = 0
    index = torch.tensor([5, 3, 0, 5, 39])
    z, pos, graph = packed(found).batch(index)
    there = found["numbers"][index] > 0
    batch = torch.arange(5).repeat_interleave(there.sum(1))
    assert torch.equal(z, found["numbers"][index][there])
    assert torch.equal(pos, found["positions"][index][there])
    expected = radius_graph(pos, 3.0, batch=batch).graph
    assert graph.num_edges > 10
    for field in fields(Graph):
        assert torch.equal(getattr(graph, field.name), getattr(expected, field.name)), field.name


def test_shift_and_scale_explain_what_is_linear_in_the_composition():
    found = some()
    z, pos, graph = packed(found).batch(torch.arange(40))
    model = SchNet((1, 6, 8), channels=4, head=HEADS, outputs=5).double()
    values = torch.tensor([[0.3, -1, 2, 4, 1.0]]).double() * model.kinds(z)[:, None].add(1)
    y = Readout(HEADS, 5)(values, z, pos, graph)
    spreads = fit_shift_and_scale(model, z, pos, graph, y)
    assert torch.equal(spreads[:4], torch.ones(4).double())  # nothing is left
    neutral = model.shift[:, 2] - model.shift[:, 2].mean()
    assert model.shift[:, 0].tolist() == pytest.approx([0.3, 0.6, 0.9])
    assert model.shift[:, 1].tolist() == pytest.approx([-1, -2, -3])
    assert neutral.tolist() == pytest.approx([-2, 0, 2])
    assert model.shift[:, 3].tolist() == pytest.approx([4, 8, 12])
    assert model.shift[:, 4].tolist() == [0, 0, 0]
    signs = 2 * torch.randint(2, values.shape, generator=torch.Generator().manual_seed(0)) - 1
    by_chance = Readout(HEADS, 5)(signs * model.scale, z, pos, graph)[:, -1]
    assert by_chance.square().mean() == pytest.approx(spreads[4].item() ** 2, rel=0.3)
    assert spreads[4] == pytest.approx(y[:, -1].square().mean().sqrt().item())


@pytest.mark.parametrize("where", [0.0, 1.0, 1e4])
def test_shifts_of_dipoles_stay_small_far_from_the_origin(where):
    rng = torch.Generator().manual_seed(0)
    pos = torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]).double() + 0.05 * torch.randn(
        4, 3, 3, generator=rng, dtype=torch.float64
    )
    y = torch.randn(4, 3, generator=rng, dtype=torch.float64)
    pos = pos + where * torch.tensor([12.0, -46, 33]).double()
    water = {"numbers": torch.tensor([[8, 1, 1]]).expand(4, 3), "positions": pos}
    model = SchNet((1, 6, 8), channels=4, head="dipole").double()
    fit_shift_and_scale(model, *packed(water).batch(torch.arange(4)), y)
    h, c, o = model.shift[:, 0].tolist()
    assert 0.01 < abs(o) < 10  # e, for dipoles of about 1 e Å
    assert h == pytest.approx(-o, rel=1e-8)
    assert c == pytest.approx(0, abs=1e-9)


def test_the_loss_weighs_by_spreads_and_takes_lengths_of_vectors():
    out = torch.tensor([[4.0, 3.0, 4.0, 0.0]])
    loss = PropertyLoss(("mean", "dipole"), torch.tensor([2.0, 10.0]))
    assert loss(out, torch.zeros(1, 4)).item() == pytest.approx((2.0 + 0.5) / 2)


def known(n, seed):
    found = some(n, seed=seed)
    z, pos, graph = packed(found).batch(torch.arange(n))
    x = z[:, None] / torch.stack([graph.in_degree + 1] * 2 + [torch.ones_like(z)], 1).double()
    y = Readout(("sum", "mean", "dipole_norm"), 3)(x, z, pos, graph)
    return found | dict(zip(("u0", "gap", "mu"), y.T, strict=True))


def test_training_lowers_the_errors_of_all_properties():
    train, val = known(150, 0), known(40, 1)
    val["numbers"], val["positions"] = (  # as many places as the largest molecule, or more
        torch.nn.functional.pad(val[k], pad)
        for k, pad in (("numbers", (0, 1)), ("positions", (0, 0, 0, 1)))
    )
    rng = torch.Generator().manual_seed(0)
    model = SchNet(
        (1, 6, 8), channels=16, layers=1, cutoff=3.0, outputs=3, rng=rng,
        head=("sum", "mean", "dipole_norm"),
    )  # fmt: skip
    names = ("u0", "gap", "mu")
    settings = {"target": names, "batch_size": 25, "lr": 1e-2}
    fit_property(model, train, val, epochs=1, budget=1e-9, **settings)
    before = property_errors(model, val, names)
    run = fit_property(model, train, val, epochs=40, **settings)
    after = property_errors(model, val, names, batch_size=7)
    assert run.model is model
    assert all(after[name] < 0.8 * before[name] for name in names), (before, after)
    mean = sum(after[n] / s for n, s in zip(names, _spreads(model, train, names), strict=True)) / 3
    assert run.best["val_loss"] == pytest.approx(mean, rel=1e-4)


def _spreads(model, train, names):
    z, pos, graph = packed(train).batch(torch.arange(len(train["numbers"])))
    y = torch.stack([train[name] for name in names], 1)
    return fit_shift_and_scale(model, z, pos, graph, y).tolist()


def test_a_folder_goes_on_with_the_same_molecules_alone(tmp_path):
    model = SchNet((1, 6, 8), channels=4, layers=1, cutoff=3.0)
    settings = {"target": "u0", "epochs": 1, "folder": tmp_path}
    found, other = known(8, 0), known(8, 0)
    first = fit_property(model, found, **settings)
    assert fit_property(model, found, **settings).history == first.history
    for name, change in (("positions", 0.01), ("numbers", 5)):
        other = found | {name: found[name].clone()}
        other[name][found["numbers"] == 1] += change
        with pytest.raises(ValueError, match=r"configuration of the model: should be "):
            fit_property(model, other, **settings)


def test_more_atoms_than_16_bits_count():
    n = 2**15 + 10
    pos = torch.zeros(1, n, 3)
    pos[0, :, 0] = 1.0 + torch.arange(n)
    z = torch.ones(1, n, dtype=torch.int64)
    z[0, 0], pos[0, 0, 0] = 6, float(n) + 0.5
    graph = Molecules.of(z, pos, 1.2).batch(torch.tensor([0]))[2]
    assert graph.num_edges == 2 * (n - 1)
    expected = radius_graph(pos[0], 1.2).graph
    for field in fields(Graph):
        assert torch.equal(getattr(graph, field.name), getattr(expected, field.name)), field.name


def test_refusals_of_molecules():
    found = known(5, 0)
    mols = packed(found)
    with pytest.raises(ValueError, match=r"^index: expected numbers from 0 to 4, got -1$"):
        mols.batch(torch.tensor([2, -1]))
    with pytest.raises(ValueError, match=r"^index: expected numbers from 0 to 4, got 5$"):
        mols.batch(torch.tensor([5]))
    assert len(mols.batch(torch.tensor([4], dtype=torch.uint8))[0]) == mols.graphs.ptr.diff()[4]
    with pytest.raises(ValueError, match=r"^index: expected shape \(graphs,\), got \(\)$"):
        mols.batch(torch.tensor(1))
    with pytest.raises(TypeError, match=r"^index: expected integers, got torch.bool$"):
        mols.batch(torch.ones(5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"^z: expected atomic numbers, 0 for no atom, got -6$"):
        Molecules.of(torch.tensor([[1, -6]]), torch.zeros(1, 2, 3), 2.0)


@pytest.mark.parametrize("call", [fit_property, property_errors])
def test_refusals_of_data(call):
    found = known(5, 0) | {"d": torch.zeros(5, 3)}
    one = SchNet((1, 6, 8), channels=4, layers=1)
    two = SchNet((1, 6, 8), channels=4, layers=1, outputs=2, head=("dipole", "sum"))
    fewer = found | {"positions": found["positions"][:, :5]}
    with pytest.raises(
        ValueError, match=r"^target: .* 'u0' of shape \(5, 3\) .* dipole, got \(5,\)$"
    ):
        call(two, found, target=("u0", "d"))
    with pytest.raises(ValueError, match=r"^target: .* 'd' of shape \(5,\) .* sum, got \(5, 3\)$"):
        call(one, found, target="d")
    with pytest.raises(ValueError, match=r"^data: expected positions of shape \(5, 6, 3\), got"):
        call(one, fewer, target="u0")
    none = {name: value[:0] for name, value in found.items()}
    with pytest.raises(ValueError, match=r"^data: .* a molecule or more, got \(0, 6\)$"):
        call(one, none, target="u0")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator here")
def test_shift_and_scale_of_a_model_on_an_accelerator():
    found = known(40, 0)
    names = ("u0", "gap", "mu")
    y = torch.stack([found[name] for name in names], 1)
    inputs = packed(found).batch(torch.arange(40))
    here, there = (
        SchNet((1, 6, 8), channels=4, outputs=3, head=("sum", "mean", "dipole_norm")).double()
        for _ in range(2)
    )
    expected = fit_shift_and_scale(here, *inputs, y)
    spreads = fit_shift_and_scale(there.cuda(), *inputs, y)
    torch.testing.assert_close(spreads.cpu(), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(there.shift.cpu(), here.shift, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(there.scale.cpu(), here.scale, rtol=1e-9, atol=0)


def test_the_loss_of_a_fit_is_its_own():
    model = SchNet((1, 6, 8), channels=4, layers=1)
    with pytest.raises(ValueError, match=r"^loss: expected none, since it is PropertyLoss, got "):
        fit_property(model, known(5, 0), target="u0", loss=torch.nn.MSELoss())


def test_refusals():
    found = known(5, 0)
    model = NequIP((1, 6, 8), channels=2, layers=1, outputs=2, head="mean")
    with pytest.raises(ValueError, match=r"^data: expected a tensor called 'homo', got \["):
        fit_property(model, found, target=("gap", "homo"), epochs=1)
    with pytest.raises(ValueError, match=r"^target: expected 2 .* mean, mean, got 1: gap$"):
        fit_property(model, found, target="gap", epochs=1)
    found["mu"][2] = torch.nan
    with pytest.raises(ValueError, match=r"^target: expected finite numbers, got NaN or infinity"):
        fit_property(model, found, target=("gap", "mu"), epochs=1)
    with pytest.raises(ValueError, match=r"^z, pos: expected shapes"):
        Molecules.of(torch.zeros(3), torch.zeros(3, 3), 2.0)
    z, pos, graph = packed(found).batch(torch.tensor([0]))
    with pytest.raises(ValueError, match=r"^y: expected finite numbers of shape \(1, 2\), got"):
        fit_shift_and_scale(model, z, pos, graph, torch.zeros(2))
