import random

import numpy as np
import pytest
import torch
from torch import nn

from geomdl.auditing.prepare import own_randomness, prepared, redraw


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_redraw_has_size_one_and_leaves_constants() -> None:
    net = nn.Sequential(nn.Linear(400, 300), nn.BatchNorm1d(300), nn.Linear(300, 1))
    net.register_buffer("basis", torch.ones(3))
    net.register_parameter("table", nn.Parameter(torch.ones(3), requires_grad=False))
    for p in net[0].parameters():
        nn.init.zeros_(p)
    redraw(net, rng())
    net.requires_grad_(False)
    assert net[0].weight.std() == pytest.approx(400**-0.5, rel=0.02)
    assert net[0].bias.std() == pytest.approx(1, rel=0.1)
    assert net[1].running_mean.std() == pytest.approx(1, rel=0.1)
    assert 0.5 <= net[1].running_var.min() < net[1].running_var.max() <= 1.5
    assert net[1].num_batches_tracked == 0
    assert (net.basis == 1).all()
    assert (net.table == 1).all()


def test_redraw_of_a_frozen_module_and_of_complex_weights() -> None:
    net = nn.Linear(3, 3)
    nn.init.zeros_(net.weight)
    redraw(net.requires_grad_(False), rng())
    assert (net.weight != 0).all()
    net = nn.Module()
    net.weight = nn.Parameter(torch.zeros(2, 2, dtype=torch.complex64))
    redraw(net, rng())
    assert (net.weight.imag != 0).all()


def test_redraw_is_seeded() -> None:
    nets = [nn.Linear(3, 3) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        redraw(net, rng(seed))
    assert torch.equal(nets[0].weight, nets[1].weight)
    assert not torch.equal(nets[0].weight, nets[2].weight)


def test_prepared_copies_casts_and_freezes() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    net.extra = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    ready = prepared(net, torch.float64, rng=rng())
    assert isinstance(ready, nn.Sequential)
    assert ready is not net
    assert ready[0].weight.dtype == torch.float64
    assert ready.extra.dtype == torch.complex128
    assert ready[1].num_batches_tracked.dtype == torch.int64
    assert not any(p.requires_grad for p in ready.parameters())
    assert all(p.requires_grad for p in net.parameters())
    assert not ready.training
    assert net.training
    assert prepared(net, torch.float64, training=None, rng=rng()).training


def test_prepared_redraws_by_a_function() -> None:
    def ones(module: nn.Module, _rng: torch.Generator) -> None:
        nn.init.ones_(module.weight)

    net = nn.Linear(2, 2)
    ready = prepared(net, torch.float64, randomize=ones, rng=rng())
    assert (ready.weight == 1).all()
    assert (net.weight != 1).all()


def test_what_cannot_be_copied_is_refused() -> None:
    net = nn.Linear(2, 2)
    net.cache = net.weight * 2  # not a leaf: deepcopy refuses it
    with pytest.raises(ValueError, match=r"^f: cannot be copied by copy.deepcopy: "):
        prepared(net, torch.float64, rng=rng())


@pytest.mark.filterwarnings("ignore")  # torch warns of its own script
def test_what_was_scripted_is_refused() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Linear(2, 2)))
    for net in (scripted, nn.Sequential(scripted)):
        with pytest.raises(ValueError, match=r"^f: expected a module of Python, got a scripted"):
            prepared(net, torch.float64, rng=rng())


def test_own_randomness_gives_the_same_and_restores() -> None:
    def draw() -> list[float]:
        return [float(torch.rand(())), float(np.random.rand()), random.random()]

    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    drawn = []
    for _ in range(2):
        with own_randomness(5):
            drawn.append(draw())
    assert drawn[0] == drawn[1]

    def fail() -> None:
        with own_randomness(5):
            draw()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]
