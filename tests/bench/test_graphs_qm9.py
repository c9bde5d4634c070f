"""Suite `graphs/qm9`: its graphs, what it fits, and its smallest run on made-up molecules."""

from dataclasses import replace

import pytest
import torch

from geomdl import data
from geomdl.bench import Context
from geomdl.bench.suites.graphs import qm9
from geomdl.bench.suites.graphs.training import parts_of

WATER = ([8, 1, 1], [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]])
FORMALDEHYDE = ([6, 8, 1, 1], [[0, 0, 0], [1.2, 0, 0], [-0.55, 0.94, 0], [-0.55, -0.94, 0]])
CYANIDE = ([1, 6, 7], [[-1.07, 0, 0], [0, 0, 0], [1.15, 0, 0]])


def padded(some):
    size = max(len(z) for z, _ in some)
    numbers = torch.zeros(len(some), size, dtype=torch.int64)
    positions = torch.zeros(len(some), size, 3, dtype=torch.float64)
    for k, (z, places) in enumerate(some):
        numbers[k, : len(z)] = torch.tensor(z)
        positions[k, : len(z)] = torch.tensor(places, dtype=torch.float64)
    return numbers, positions


def chains(n):
    """Heavy atoms on lines; the answers are functions of the bonds."""
    rng = torch.Generator().manual_seed(0)
    numbers = torch.tensor([6, 7, 8])[torch.randint(3, (n, 4), generator=rng)]
    numbers[::2, 3] = 0
    positions = torch.zeros(n, 4, 3, dtype=torch.float64)
    positions[:, :, 0] = 1.4 * torch.arange(4)
    bonded = (numbers[:, 1:] * numbers[:, :-1]).double()
    y = torch.stack([bonded.sum(1), bonded.sin().sum(1), bonded.amax(1)], 1)
    return qm9.graphs(numbers, positions, y)


def test_bonds_have_the_classes_that_valences_leave():
    some = padded([WATER, FORMALDEHYDE, CYANIDE])
    found = qm9.graphs(*some, torch.zeros(3, 3))
    classes = [found[torch.tensor([k])].edge.argmax(1).sort().values.tolist() for k in range(3)]
    assert classes == [[0, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 2, 2]]
    oxygen = found.x[0]
    assert oxygen[: qm9.ATOMS].tolist() == [0, 0, 0, 1, 0]
    assert oxygen[qm9.ATOMS :].tolist() == [0, 1] * (qm9.WALK // 2), "two leaves send it back"
    counts = [[2, 0, 0, 1, 0, 1], [2, 1, 0, 1, 0, 1], [1, 1, 1, 0, 0, 1]]
    assert qm9.formula(found).tolist() == counts


def test_networks_see_no_coordinates():
    numbers, positions = padded([WATER, FORMALDEHYDE, CYANIDE])
    y = torch.zeros(3, 3)
    moved = 1.02 * positions + 0.02 * torch.rand(
        positions.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    assert qm9.graphs(numbers, positions, y).checksum == qm9.graphs(numbers, moved, y).checksum
    far = qm9.graphs(numbers, 2 * positions, y)
    assert far.table.edge_ptr[-1] == 0, "but for who is bonded"


def test_what_is_linear_in_the_formula_is_not_asked_for():
    parts = parts_of(chains(60), (0.5, 0.2), seed=0)
    once, scale = qm9.residuals(parts)
    slope = torch.arange(18.0, dtype=torch.float64).view(6, 3)
    more = {k: replace(p, y=p.y + qm9.formula(p) @ slope) for k, p in parts.items()}
    again, same = qm9.residuals(more)
    assert torch.allclose(scale, same, rtol=1e-10)
    for name, part in once.items():
        assert torch.allclose(part.y, again[name].y, atol=1e-10)
    own = qm9.formula(parts["train"])
    assert (own.T @ once["train"].y).abs().max() < 1e-9, "orthogonal, by the normal equations"


def test_the_smallest_run_is_whole(monkeypatch):
    some = (qm9.PLAIN, "GINE")
    monkeypatch.setattr(qm9, "NETWORKS", {name: qm9.NETWORKS[name] for name in some})
    monkeypatch.setattr(qm9, "molecules", lambda root: chains(60))
    monkeypatch.setattr(qm9, "EPOCHS", 2)
    found = qm9.qm9(Context(seeds=2))
    (table,) = found.tables
    assert [row["name"] for row in table.rows] == [qm9.MEAN, qm9.FORMULA, *some]
    for row in table.rows:
        assert all(row[key]["mean"] > 0 for key in qm9.UNITS)
        assert row["name"] not in some or 0 <= row["error"] <= 1e-10
    assert [check.name for check in found.checks] == list(qm9.UNITS)
    assert found.reduced is None


def test_without_the_package_nothing_is_measured(monkeypatch):
    def missing(name, **options):
        raise FileNotFoundError("qm9: install qm9pack (pip install 'geomdl-torch[chem]')")

    monkeypatch.setattr(data, "load", missing)
    found = qm9.qm9(Context())
    assert found.tables == ()
    assert "Nothing was measured. qm9: install qm9pack" in found.notes[0]


@pytest.mark.parametrize(("gain", "holds"), [(0.5, True), (0.0, False), (-0.5, False)])
def test_edges_must_help_beyond_the_spread_of_seeds(gain, holds):
    spread = [0.1, -0.1, 0.05]
    runs = {name: [dict.fromkeys(qm9.UNITS, 2.0)] * 3 for name in qm9.NETWORKS}
    runs["PNA"] = [dict.fromkeys(qm9.UNITS, 2.0 - gain + off) for off in spread]
    if gain <= 0:  # nobody else is better
        runs |= {n: runs["PNA"] for n in qm9.NETWORKS if n != qm9.PLAIN}
    assert all(check.holds == holds for check in qm9.checks_of(runs))
    assert not qm9.checks_of({name: of[:1] for name, of in runs.items()}), "one seed says nothing"
