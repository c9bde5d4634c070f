"""Loops over blocks and pieces, the last of them shorter, and shares that fail."""

import numpy as np
import pytest
import torch

from geomdl.kernels import all_kernels, norms, threads, wavelets
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.testing import check_gradients, check_threads, check_values

KERNELS = {kernel.name: kernel for kernel in all_kernels()}
CUT = ("component_norm", "power_sums", "power_slopes", "wavelet_modulus", "modulus_gradient")


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("block", [2, 3])
def test_many_blocks_and_pieces(name, block, monkeypatch):
    monkeypatch.setattr(norms, "_BLOCK", block)  # of 5 numbers a row
    monkeypatch.setattr(wavelets, "_PIECE", 40 * block)  # signals have 12 numbers and more each
    for check in (check_values, check_threads, *([check_gradients] if block == 2 else [])):
        check(KERNELS[name])


def test_pieces_are_cut_in_the_examples():
    x = torch.zeros(3, 1)
    sizes = [len(x[piece]) for piece in wavelets._pieces(x, wavelets._PIECE // 2)]
    assert sizes == [2, 1]


def allocate(start, stop, size, y):
    """Has an array of its own for every share."""
    held = np.empty(size[0])
    for i in range(start, stop):
        held[0] = i
        y[i] = held[0]


def test_a_share_that_cannot_allocate_is_no_silence():
    body = Compiled(allocate)
    Compiled.instances.remove(body)
    y = np.full(4, -1.0)
    with threads.always(2):
        assert len(threads.share_rows(body, range(5), 4, np.array([1]), y)) == 2
        assert y.tolist() == [0, 1, 2, 3]
        with pytest.raises(MemoryError):
            threads.share_rows(body, range(5), 4, np.array([1 << 55]), y)


def test_a_damaged_cache_of_the_launcher_is_no_end(tmp_path, monkeypatch):
    from geomdl.kernels import compiled, team

    if not team.available():
        pytest.skip("PyTorch does not work with OpenMP here")
    body = Compiled(allocate)
    Compiled.instances.remove(body)
    calls = []

    def damaged(function, cache=True):
        calls.append(cache)
        if len(calls) == 2:  # the first launcher; the kernel itself came before

            def broken(*args):
                raise EOFError("Ran out of input")

            return broken
        return compile_(function, cache)

    compile_ = compiled.compile_function
    monkeypatch.setattr(compiled, "compile_function", damaged)
    monkeypatch.setattr(compiled, "_warned", True)
    y = np.zeros(4)
    with threads.always(2):
        threads.share_rows(body, range(5), 4, np.array([1]), y)
        threads.share_rows(body, range(5), 4, np.array([1]), y)
    assert y.tolist() == [0, 1, 2, 3]
    assert calls == [True, bool(body.folder), False]
