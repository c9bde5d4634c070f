import random

import numpy as np
import torch

from geomdl.training.seeds import derive, generator, isolated, reseed


def _states():
    return torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()


def _same(a, b):
    return torch.equal(a[0], b[0]) and (a[1] == b[1]).all() and a[2] == b[2]


def test_streams_differ_by_seed_purpose_and_epoch():
    seeds = {
        derive(seed, purpose, epoch)
        for seed in range(10)
        for purpose in ("shuffle", "augment", "forward")
        for epoch in range(10)
    }
    assert len(seeds) == 300
    assert derive(0, "shuffle", 1) == derive(0, "shuffle", 1)
    assert derive(1, 23) != derive(12, 3)  # the parts are kept apart


def test_generators_are_private():
    before = _states()
    draws = [torch.rand(3, generator=generator(0, "shuffle", e)) for e in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert _same(before, _states())


def test_isolated_restores_all_global_states_even_after_an_error():
    before = _states()
    try:
        with isolated():
            reseed(0, "forward", 1)
            first = torch.rand(2), np.random.rand(), random.random()
            assert not _same(before, _states())
            raise RuntimeError
    except RuntimeError:
        pass
    assert _same(before, _states())
    with isolated():
        reseed(0, "forward", 1)
        again = torch.rand(2), np.random.rand(), random.random()
    assert torch.equal(first[0], again[0])
    assert first[1:] == again[1:]
