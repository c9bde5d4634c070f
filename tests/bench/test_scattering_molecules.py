"""Suite `scattering/molecules`: densities, regression against dense solves, verdicts, a run."""

import math

import pytest
import torch

from geomdl import bench, data
from geomdl.bench import Context
from geomdl.bench.suites.scattering import densities, molecules, regression
from geomdl.data.shapes3d import random_rotations

RNG = torch.Generator


def some_molecules(n, seed=0):
    """Random atoms, apart from each other, with pair energies: nothing that counts alone tell."""
    rng = RNG().manual_seed(seed)
    numbers = torch.zeros(n, 29, dtype=torch.int64)
    numbers[:, :5] = torch.tensor([1, 6, 7, 8, 9])[torch.randint(5, (n, 5), generator=rng)]
    sites = torch.tensor([[0, 0, 0], [1.4, 0, 0], [0, 1.4, 0], [-1.4, 0, 0], [0, 0, 1.4]])
    positions = torch.zeros(n, 29, 3, dtype=torch.float64)
    positions[:, :5] = sites + 0.4 * torch.rand(n, 5, 3, generator=rng, dtype=torch.float64)
    z, r = numbers[:, :5].double(), positions[:, :5]
    distance = torch.cdist(r, r) + torch.eye(5)
    pairs = (z[:, :, None] * z[:, None] / distance).triu(1).sum((1, 2))
    energy = -10 * z.sum(1) + 0.1 * pairs
    return {"numbers": numbers, "positions": positions, "energy": energy}


def test_a_density_is_the_sum_of_its_gaussians_and_integrates_to_the_charges():
    found = some_molecules(2)
    positions = densities.aligned(found["numbers"], found["positions"])
    charges = densities.charges_of(found["numbers"])
    rho = densities.densities(positions, charges)
    lines = [(torch.arange(n).double() - (n - 1) / 2) for n in densities.SHAPE]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1)
    away = points[None, ..., None, :] - positions[:, None, None, None] / densities.SPACING
    width = densities.WIDTH
    heights = torch.exp(-away.square().sum(-1) / (2 * width**2)) / (2 * math.pi * width**2) ** 1.5
    expected = torch.einsum("nca,nxyza->ncxyz", charges, heights)
    assert (rho - expected).abs().max() <= 1e-12
    assert rho.sum((2, 3, 4)) == pytest.approx(charges.sum(2), rel=1e-3)


def test_turning_a_molecule_changes_nothing_and_mending_it_does():
    found = some_molecules(4)
    (before,) = densities.features(found["numbers"], found["positions"])
    turns = random_rotations(4, RNG().manual_seed(1))
    (after,) = densities.features(found["numbers"], found["positions"] @ turns.mT + 3)
    scale = before.abs().amax(0)
    half, one, two, three = ((after - before).abs() / scale).view(4, -1, 4).amax((0, 1)).tolist()
    eps = torch.finfo(torch.float32).eps
    assert half <= math.sqrt(eps)  # of a modulus that is rounding alone, eps of the greatest
    assert max(one, two, three) <= 50 * eps
    (other,) = densities.features(found["numbers"], found["positions"] * 1.02)
    assert ((other - before).abs() / scale).max() > 1e-3


def test_counts_and_charges():
    z = torch.tensor([[6, 1, 1, 9, 0]])
    assert densities.counts_of(z).tolist() == [[2, 1, 0, 0, 1, 1]]
    assert densities.charges_of(z)[0, 1].tolist() == [4, 1, 1, 7, 0]
    assert densities.charges_of(z)[0, 2].tolist() == [2, 0, 0, 2, 0]


@pytest.mark.parametrize("products", [0, 6])
def test_ridge_is_the_dense_solution_with_a_kernel_and_free_counts(monkeypatch, products):
    """[K + αI, C; Cᵀ, 0] of kernel ridge regression; with all components, the exact kernel."""
    rng = RNG().manual_seed(0)
    x = torch.randn(40, 6, generator=rng, dtype=torch.float64)
    counts = torch.cat([torch.randint(4, (40, 2), generator=rng), torch.ones(40, 1)], 1).double()
    y = torch.randn(40, generator=rng, dtype=torch.float64)
    train = torch.arange(30)
    monkeypatch.setattr(regression, "STRENGTHS", (1e-2,))
    found = regression.ridge(x, counts, y, train, products=products)
    a = (x - x[train].mean(0)) / x[train].std(0)
    gram = a @ a[train].T / 6
    kernel = (1 + gram) ** 2 if products else gram
    alpha = 1e-2 * 30
    C = counts[train]
    top = torch.cat([kernel[train] + alpha * torch.eye(30).double(), C], 1)
    system = torch.cat([top, torch.cat([C.T, torch.zeros(3, 3)], 1)])
    solution = torch.linalg.solve(system, torch.cat([y[train], torch.zeros(3)]))
    expected = kernel @ solution[:30] + counts @ solution[30:]
    assert (found - expected).abs().max() <= 1e-9
    assert (found - regression.composition(counts, y, train)).abs().max() > 1e-2


def test_the_strength_is_that_of_the_least_leave_one_out_error(monkeypatch):
    rng = RNG().manual_seed(0)
    x = torch.randn(20, 8, generator=rng, dtype=torch.float64)
    counts, train = torch.zeros(20, 1).double(), torch.arange(20)
    y = x[:, 0] + torch.randn(20, generator=rng, dtype=torch.float64)
    strengths = (1e-6, 1e-2, 1.0)
    a = (x - x.mean(0)) / x.std(0) / math.sqrt(8)
    errors = []
    for strength in strengths:
        parts = []
        for k in range(20):
            rest = torch.arange(20) != k
            gram = a[rest].T @ a[rest] + 20 * strength * torch.eye(8)
            parts.append(a[k] @ torch.linalg.solve(gram, a[rest].T @ y[rest]) - y[k])
        errors.append(float(torch.stack(parts).square().mean()))
    best = strengths[errors.index(min(errors))]
    monkeypatch.setattr(regression, "STRENGTHS", strengths)
    chosen = regression.ridge(x, counts, y, train)
    monkeypatch.setattr(regression, "STRENGTHS", (best,))
    assert torch.equal(chosen, regression.ridge(x, counts, y, train))
    monkeypatch.setattr(regression, "STRENGTHS", strengths[:1])
    assert best != strengths[0]
    assert not torch.equal(chosen, regression.ridge(x, counts, y, train))


def test_scattering_wins_only_beyond_the_seeds():
    plain = {250: [20.0, 21.0, 19.0], 500: [20.0, 20.5, 19.0]}
    errors = {
        molecules.PLAIN: plain,
        molecules.OURS: {250: [10.0, 11.0, 10.0], 500: [5.0, 5.5, 5.0]},
        molecules.BILINEAR: {250: [20.5, 19.0, 18.0], 500: [5.0, 5.0, 5.0]},
    }
    assert [check.holds for check in molecules.checks_of(errors)] == [True, False]
    row = molecules._rows(errors)[0]
    assert row["volts"]["mean"] == pytest.approx(31 / 3 / 23.06, rel=1e-3)
    assert row["gain"]["mean"] == pytest.approx(29 / 3)
    assert molecules.verdict_of(249, 3) and molecules.verdict_of(250, 1)
    assert molecules.verdict_of(250, 2) is None


def test_without_the_package_nothing_is_measured(monkeypatch):
    def missing(name, **options):
        raise FileNotFoundError("qm9: install qm9pack (pip install 'geomdl-torch[chem]')")

    monkeypatch.setattr(data, "load", missing)
    found = molecules.energies(Context())
    assert found.tables == () and found.checks == ()
    assert "Nothing was measured. qm9: install qm9pack" in found.notes[0]


@pytest.fixture
def pretended(monkeypatch):
    monkeypatch.setattr(data, "load", lambda name, root, n: some_molecules(n))
    monkeypatch.setattr(densities, "SHAPE", (16, 16, 16))
    densities.transform.cache_clear()
    yield
    densities.transform.cache_clear()


@pytest.mark.usefixtures("pretended")
def test_the_smallest_run_is_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(molecules, "LEAST", 2)
    name = "scattering/molecules"
    found = bench.run([name], budget=0.1, seeds=2, out=tmp_path).suites[name]
    assert found.settings["molecules"] == 16
    assert [row["name"] for row in found.tables[0].rows] == ["13"]
    assert "16 instead of 5000 molecules" in found.reduced and found.checks == ()
    assert "No verdict: 13 training molecules, fewer than 250." in found.notes
    assert (tmp_path / "scattering_molecules_errors.png").is_file()


@pytest.mark.usefixtures("pretended")
def test_pair_energies_are_learnt(monkeypatch):
    monkeypatch.setattr(molecules, "MOLECULES", 160)
    monkeypatch.setattr(molecules, "COUNTS", (64, 128))
    found = molecules.energies(Context(seeds=2))
    assert [row["name"] for row in found.tables[0].rows] == ["64", "128"]
    assert found.reduced is None
    last = found.tables[0].rows[-1]
    assert last[molecules.OURS]["mean"] < 0.6 * last[molecules.PLAIN]["mean"]
    assert [check.name for check in found.checks] == [molecules.OURS, molecules.BILINEAR]
