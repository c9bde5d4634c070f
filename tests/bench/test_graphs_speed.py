"""Suite `graphs/speed`: the same numbers on both sides, verdicts on numbers that are given."""

import pytest
import torch

from geomdl.bench.suites.graphs import speed
from geomdl.bench.suites.graphs.peers import MODELS, molecule_edges
from geomdl.kernels import all_kernels

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")


@pytest.mark.parametrize("graph", ["random", "molecules"])
@pytest.mark.parametrize("model", MODELS)
def test_outputs_and_gradients_agree(model, graph):
    case = speed.Case(model, graph, 40 if graph == "random" else 3)
    assert case.error() <= speed.OUTPUTS
    steps = case.steps()
    found, expected = steps["geomdl"](), steps["PyG"]()
    assert (found[0] - expected[0]).abs().max() <= 1e-4 * expected[0].abs().max()
    norms = [
        torch.cat([g.norm().view(1) for g in sorted(gs, key=_size)]) for gs in (found, expected)
    ]
    assert (norms[0] - norms[1]).abs().max() <= 1e-4 * norms[1].abs().max()
    assert {"geomdl", "PyG", "sorted"} <= set(steps)


def _size(t):
    return t.numel(), float(t.norm())


def test_a_layer_of_other_weights_is_seen():
    case = speed.Case("SAGE", "molecules", 3)
    with torch.no_grad():
        case.layer.neighbors.weight[0, 0] += 1e-3
    assert case.error() > speed.OUTPUTS


def test_molecules_are_connected_and_both_ways():
    import networkx

    edges, nodes = molecule_edges(20)
    graph = networkx.DiGraph(edges.T.tolist())
    pieces = list(networkx.weakly_connected_components(graph))
    assert len(pieces) == 20
    assert sum(map(len, pieces)) == nodes
    assert all(18 <= len(piece) <= 23 for piece in pieces)
    assert all(graph.has_edge(b, a) for a, b in graph.edges)
    assert 1.9 <= edges.shape[1] / nodes <= 2.1


def test_checks_are_timed_and_left_as_they_were():
    before = [kernel.check for kernel in all_kernels()]
    share = speed.Case("GAT", "molecules", 2).checks(repeats=3)
    assert 0 < share < 1
    assert [kernel.check for kernel in all_kernels()] == before


def test_products_are_one_forward_and_two_backward_for_each_map():
    for model, maps in (("GIN", 1), ("SAGE", 2)):
        products = speed.Case(model, "molecules", 3).products()
        assert len(products.calls) == 3 * maps
        products()


def test_memory_is_of_a_fresh_process():
    code = speed._CHILD.format(threads=1, model="GCN", graph="random", size=1000, which="geomdl")
    assert speed.measure_fresh(code)["bytes"] >= 0


def row(ratio=8.0, prepared=2.0, share=0.1, error=1e-7, checks=0.01, model="GAT"):
    return {
        "name": f"{model}, random",
        "model": model,
        "graph": "random",
        "ratio": {"median": ratio},
        "bound": 9.0,
        "prepared": {"median": prepared},
        "share": share,
        "error": error,
        "checks": checks,
    }


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({}, []),
        ({"ratio": 2.5}, ["faster"]),
        ({"ratio": 1.5}, ["faster", "least"]),
        ({"prepared": 1.4}, ["prepared"]),
        ({"share": 0.4}, ["memory"]),
        ({"share": 0.4, "model": "GCN"}, []),
        ({"error": 2e-6}, ["outputs"]),
        ({"error": float("nan")}, ["outputs"]),
        ({"checks": 0.03}, ["checks"]),
    ],
)
def test_verdicts(changes, failing):
    checks = speed.checks_of([row(), row(**changes)])
    assert [check.name for check in checks if not check.holds] == failing
