"""Values by hand, bad input, agreement with PyG and float64, the compiled loops as Python."""

import numpy as np
import pytest
import torch
from torch_geometric.utils import scatter

from geomdl.fields.graph import Graph
from geomdl.kernels import neighbor_sum, segment_spread, segment_sum
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.neighbors import KERNEL, gather_rows
from geomdl.kernels.rows import check_rows
from geomdl.kernels.segments import (
    SPREAD,
    SUM,
    first_repeat,
    spread_permuted_rows,
    spread_rows,
    sum_rows,
)


def random_graph(nodes=40, edges=300, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return Graph.from_edge_index(torch.randint(nodes, (2, edges), generator=rng), nodes)


def of(graph):
    return graph.in_ptr, graph.in_neighbors, graph.out_ptr, graph.out_neighbors


def test_the_sum_over_neighbors_is_that_of_pyg():
    graph = random_graph()
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x.requires_grad_()
    ours = neighbor_sum(x, *of(graph))
    source, target = graph.to_edge_index()
    theirs = scatter(x[source], target, 0, 40, reduce="sum")
    assert (ours - theirs).abs().max() <= 1e-13
    weights = torch.linspace(-1, 1, ours.numel(), dtype=x.dtype).reshape(ours.shape)
    g, h = (torch.autograd.grad((y * weights).sum(), x)[0] for y in (ours, theirs))
    assert (g - h).abs().max() <= 1e-13


def test_gather_then_segment_sum_is_the_sum_over_neighbors_bitwise():
    graph = random_graph(seed=2)
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(3))
    messages = x[graph.source.long()]
    assert torch.equal(segment_sum(messages, graph.in_ptr, graph.perm), neighbor_sum(x, *of(graph)))
    spread = segment_spread(x, graph.in_ptr, graph.perm, graph.num_edges)
    assert torch.equal(spread, x[graph.target.long()])


def test_many_small_numbers_stay_within_the_stated_bound():
    n = 20_000
    values = torch.full((n, 1), 0.1)
    total = segment_sum(values, torch.tensor([0, n]))
    exact = values.double().sum()
    bound = (n - 1) * torch.finfo(torch.float32).eps * exact
    assert (total.double() - exact).abs() <= bound
    half = segment_sum(values.bfloat16(), torch.tensor([0, n]))  # bfloat16 sums would stick at 32
    assert abs(float(half) - n * float(values.bfloat16()[0])) <= 0.005 * n * 0.1


X = torch.ones(3, 2)
PTR, INDEX = torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1])
GOOD = (X, PTR, INDEX, PTR, INDEX)


def swapped(position, value):
    return (*GOOD[:position], value, *GOOD[position + 1 :])


@pytest.mark.parametrize(
    ("args", "kind", "text"),
    [
        (swapped(0, X.long()), TypeError, "x: expected float32, .* got torch.int64"),
        (swapped(0, X.to(torch.complex64)), TypeError, "x: expected float32"),
        (swapped(0, torch.tensor(1.0)), ValueError, r"x: expected shape \(rows, …\), got \(\)"),
        (swapped(1, PTR.float()), TypeError, "ptr: expected int32 or int64"),
        (swapped(2, INDEX.int()), TypeError, "index: expected int32 or int64, one type"),
        (swapped(2, INDEX[None]), ValueError, r"index: expected shape \(entries,\), got \(1, 2\)"),
        (swapped(1, PTR[:0]), ValueError, r"ptr: expected shape \(rows \+ 1,\), got \(0,\)"),
        (swapped(3, PTR[:2]), ValueError, r"out_ptr: expected shape \(4,\), got \(2,\)"),
        (swapped(4, INDEX[:1]), ValueError, r"out_index: expected shape \(2,\), got \(1,\)"),
        (swapped(1, torch.tensor([0, 1, 1, 1])), ValueError, "ptr: expected to begin .* got 0 and"),
        (swapped(1, torch.tensor([1, 1, 2, 2])), ValueError, "ptr: expected to begin with 0"),
        (swapped(1, torch.tensor([0, 2, 1, 2])), ValueError, "ptr: expected not to decrease"),
        (swapped(1, torch.tensor([0, -5, 2, 2])), ValueError, "ptr: expected not to decrease"),
        (swapped(1, torch.tensor([0, 9, 9, 2])), ValueError, "ptr: expected not to decrease"),
        (swapped(2, torch.tensor([0, 3])), ValueError, "index: entry 1 is out of range"),
        (swapped(2, torch.tensor([-1, 0])), ValueError, "index: entry 0 is out of range"),
    ],
)
def test_bad_input_of_the_neighbor_sum_is_one_line(args, kind, text):
    neighbor_sum(*GOOD)
    with pytest.raises(kind, match=text) as caught:
        neighbor_sum(*args)
    assert "\n" not in str(caught.value)


def test_index_tensors_live_where_the_features_do():
    with pytest.raises(ValueError, match="ptr: expected a tensor on cpu, got one on meta"):
        check_rows(X, ptr=PTR.to("meta"))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: segment_sum(X, torch.tensor([0, 2])), "ptr: expected to begin with 0 and end wi"),
        (lambda: segment_sum(X, PTR, INDEX), r"perm: expected shape \(3,\), got \(2,\)"),
        (lambda: segment_sum(X, torch.tensor([0, 3]), torch.tensor([0, 1, 3])), "entry 2 is out"),
        (lambda: segment_spread(X, PTR, None, 3), "ptr: expected to begin with 0 and end with 3"),
        (lambda: segment_spread(X, PTR, None, -1), "entries: expected at least 0, got -1"),
        (lambda: segment_spread(X[:2], PTR, None, 2), r"y: expected shape \(3, …\), got \(2, 2\)"),
        (lambda: segment_spread(X, PTR, torch.tensor([1, 1]), 2), "each of 0, …, 1 once, got 1 a"),
        (lambda: segment_spread(X, PTR, torch.tensor([0, 2]), 2), "each of 0, …, 1 once, got 2 a"),
        (lambda: segment_spread(X, torch.tensor([0, 2, 1, 2]), None, 2), "not to decrease"),
        (lambda: segment_spread(X, torch.tensor([0, 2, 1, 2]), INDEX, 2), "not to decrease"),
        (lambda: segment_sum(X, torch.tensor([0, 4, 3])), "ptr: expected not to decrease"),
    ],
)
def test_bad_input_of_the_segment_sum_is_one_line(call, text):
    with pytest.raises(ValueError, match=text) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_bad_permutation_gives_no_wrong_gradient():
    values = torch.ones(2, 1, requires_grad=True)
    y = segment_sum(values, torch.tensor([0, 2]), torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="perm: expected each of 0, …, 1 once"):
        y.sum().backward()


def test_other_devices_take_the_reference_shapes():
    meta = [a.to("meta") for a in GOOD]
    assert neighbor_sum(*meta).shape == (3, 2)
    assert segment_sum(meta[0], torch.tensor([0, 3], device="meta")).device.type == "meta"


@pytest.mark.parametrize("kernel", [KERNEL, SUM, SPREAD], ids=lambda k: k.name)
def test_the_compiled_loops_are_the_python_loops(kernel, monkeypatch):
    loops = [gather_rows, sum_rows, spread_rows, spread_permuted_rows, first_repeat]
    for case in kernel.cases:
        args = kernel.example(torch.float64, torch.int64, case)
        expected = kernel.cpu(*args)
        with monkeypatch.context() as patch:
            patch.setattr(Compiled, "__call__", lambda self, *args: self.body(*args))
            assert all(loop.body for loop in loops)
            assert torch.equal(kernel.cpu(*args), expected)


def test_wrong_bounds_are_found_by_every_loop_and_nothing_is_written_beyond():
    ptr, data = np.array([0, 9]), np.zeros((2, 1))
    order = np.array([0, 1])
    for loop, arrays in (
        (gather_rows, (order, data)),
        (sum_rows, (data,)),
        (spread_rows, (np.ones((1, 1)),)),
        (spread_permuted_rows, (order, np.ones((1, 1)))),
    ):
        for call in (loop, loop.body):
            out = np.full((2, 1), 7.0)
            assert call(0, 1, ptr, *arrays, out) == 0
            assert (out == 7).all()
