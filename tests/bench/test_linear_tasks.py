"""Suite of tasks under matrix groups, at its smallest, and the functions that it learns."""

import math
from dataclasses import replace

import pytest
import torch

import geomdl
from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context
from geomdl.bench.suites.linear import tasks
from geomdl.bench.suites.linear.problems import Flow, pendulum_energy, problems
from geomdl.fields import Field, Vector
from geomdl.linear import EMLP

NAMES = ("invariant", "inertia", "scattering", "pendulum")


def equivariance(problem, function):
    x = problem.draw(4, torch.Generator().manual_seed(0))
    fields = [Field(Vector(), rep) for rep in (problem.source, problem.target)]
    return geomdl.audit(
        function, x, group=problem.source.group, source=fields[0], target=fields[1]
    ).error


@pytest.mark.parametrize("name", NAMES)
def test_functions_have_their_symmetry(name):
    problem = problems()[name]
    assert equivariance(problem, problem.function) < 1e-12
    assert equivariance(problem, lambda x: problem.function(x) * (1 + x[:, -2:-1])) > 1e-3


def test_inertia_of_a_rod():
    x = torch.zeros(1, 20, dtype=torch.float64)
    x[0, :2], x[0, 5], x[0, 8] = 1.0, 1.0, -1.0  # two masses on the first axis
    wanted = torch.diag(torch.tensor([0.0, 2.0, 2.0], dtype=torch.float64))
    assert torch.equal(problems()["inertia"].function(x).view(3, 3), wanted)


def test_scattering_off_a_heavy_muon():
    """The contraction written out in products of momenta."""
    problem = problems()["scattering"]
    x = problem.draw(5, torch.Generator().manual_seed(1))
    p, q, p_, q_ = x.unflatten(1, (4, 4)).unbind(1)

    def dot(a, b):
        return a[:, 0] * b[:, 0] - (a[:, 1:] * b[:, 1:]).sum(1)

    c, d = dot(p, p_) - dot(p, p), dot(q, q_) - dot(q, q)
    wanted = 2 * (dot(p, q) * dot(p_, q_) + dot(p, q_) * dot(p_, q))
    wanted = 4 * (wanted - 2 * d * dot(p, p_) - 2 * c * dot(q, q_) + 4 * c * d)
    assert (problem.function(x)[:, 0] - wanted).abs().max() < 1e-10 * wanted.abs().max()


def test_pendulum_keeps_its_energy():
    """Along the flow, by a step of Runge and Kutta."""
    problem = problems()["pendulum"]
    z = problem.draw(3, torch.Generator().manual_seed(0))
    h = 1e-3
    a = problem.function(z)
    b = problem.function(z + h / 2 * a)
    c = problem.function(z + h / 2 * b)
    d = problem.function(z + h * c)
    after = z + h / 6 * (a + 2 * b + 2 * c + d)
    assert (pendulum_energy(after) - pendulum_energy(z)).abs().max() < 1e-12


def test_flow_of_a_network():
    problem = problems()["pendulum"]
    energy = EMLP(problem.source, problem.source.group.trivial, channels=12, layers=1)
    model = Flow(energy).double()
    assert equivariance(problem, model) < 1e-12
    z = problem.draw(2, torch.Generator().manual_seed(0))
    assert not model.eval()(z).isnan().any()
    with torch.no_grad():
        assert not model(z).requires_grad
    model(z).square().sum().backward()
    assert all(p.grad is not None for p in energy.blocks.parameters())


def test_suite(monkeypatch):
    monkeypatch.setattr(tasks, "SIZES", (20,))
    monkeypatch.setattr(tasks, "TESTED", 10)
    monkeypatch.setattr(tasks, "CHANNELS", 12)
    few = {name: replace(problems()[name], steps=2) for name in ("inertia", "pendulum")}
    monkeypatch.setattr(tasks, "problems", lambda: few)
    found = tasks.tasks(Context(budget=Budget(60.0), seeds=2))
    (table,) = found.tables
    assert [row["name"] for row in table.rows] == ["EMLP", "MLP"] * 2
    for row in table.rows:
        assert math.isfinite(row["n20"]["mean"])
        assert (row["error"] < 1e-10) == (row["name"] == "EMLP")
    assert [check.name for check in found.checks] == ["inertia, 20", "pendulum, 20"]
    assert found.reduced is None
    short = tasks.tasks(Context(budget=Budget(1e-3), seeds=1))
    assert short.reduced == "1 tasks of 2"
