"""The audit leaves everything as it was, and refuses bad input in one line."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Points, Vector, audit
from geomdl.fields import positions
from tests.auditing import networks
from tests.auditing.networks import C4, D4, C4Net, images, invariant

EXACT = 1e-12


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
