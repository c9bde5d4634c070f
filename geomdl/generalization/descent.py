"""`double_descent`: the test risk of a family of models along its capacity."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import torch

from geomdl.auditing.progress import track
from geomdl.generalization.descent_result import DoubleDescent
from geomdl.generalization.families import CURVES, Point, Scores, Setting, coefficients
from geomdl.generalization.linear_risk import ridge_risk
from geomdl.generalization.problems import Data, checked_data, draw_samples, draw_teacher
from geomdl.groups import Rep

__all__ = ["FAMILIES", "double_descent"]

FAMILIES = tuple(CURVES)
AXIS = {"kernel": "1/ridge", "epochs": "epochs"}
CHUNK = 2e7  # numbers held at once by a batch of seeds


def double_descent(
    family: str,
    widths: Sequence[float] | float,
    n: Sequence[int] | int,
    seeds: int = 20,
    *,
    noise: float = 0.0,
    ridge: float = 0.0,
    rep: Rep | None = None,
    data: Data | None = None,
    inputs: int | None = None,
    test: int = 500,
    hidden: int = 64,
    steps: int = 1000,
    lr: float = 0.02,
    rng: torch.Generator | None = None,
    progress: bool | None = None,
) -> DoubleDescent:
    """Measure the test risk of a family of models along its capacity, or along the samples.

    The families, fitted by least squares of least norm (or ridge) unless said otherwise:

    - "gaussian": the first p of D isotropic Gaussian coordinates (Belkin, Hsu and Xu). The risk is
      the exact one of each fit; its mean is known: `ridgeless_risk`, exact, and with a ridge
      `ridge_risk`, for large sizes.
    - "relu": p random features relu(⟨w, x⟩), nested along the curve.
    - "kernel": their limit p → ∞, the arc-cosine kernel, with ridge 1/width.
    - "network": two-layer ReLU networks of p neurons, all weights trained by Adam.
    - "epochs": one such network of ``hidden`` neurons, looked at after ``widths`` epochs.

    With ``rep`` the features are averaged over its group. Then p counts neurons before the
    average, which come in orbits: p/|G| coefficients are left, so that the peak, where coefficients
    are as many as samples, moves from p = n to p = |G| n. For "gaussian", p counts coordinates, in
    whole copies of the representation, and the invariant vectors are left.

    Args:
        family: one of the above.
        widths: ascending capacities; a single number if ``n`` is a sequence.
        n: training samples; ascending numbers for a curve along the samples.
        seeds: independent problems and models, the same along the curve.
        noise: standard deviation of what is added to the training targets, or, where the targets
            are classes, the share of labels drawn anew.
        ridge: λ of |y - f(x)|² + λ|w|²; of the mean square for networks; the kernel has none.
        rep: orthogonal representation of a finite group on the inputs.
        data: samples x (N, d) and y (N,) or (N, k), or whole numbers (N,) as classes; each seed
            trains on n of them and tests on others. Default: y = ⟨θ, x⟩ + noise with x Gaussian,
            |θ| = 1 and θ invariant under ``rep``.
        inputs: dimension of generated inputs; default rep.dim or 10, and D = max(widths) for
            "gaussian".
        test: test samples of each seed.
        hidden: neurons for "epochs".
        steps: of training for "network".
        lr: learning rate of networks.
        rng: generator; default one seeded with 0.
        progress: whether to show a bar on standard error; default on a terminal only.

    Returns:
        Risks of all points and seeds, the predicted curve where there is one, the peak.

    Raises:
        ValueError: an unknown family, capacities that do not increase or do not fit the group, a
            negative ridge or noise, too few samples, NaN in the data.
        TypeError: the data are no pair of tensors.

    Example:
        >>> import geomdl
        >>> C4 = geomdl.group("C4").regular
        >>> options = {"n": 6, "seeds": 40, "noise": 0.5, "inputs": 48}
        >>> double_descent("gaussian", [4, 8, 12, 24, 48], rep=C4, **options).peak
        24
        >>> double_descent("gaussian", [3, 6, 12, 24, 48], **options).peak
        6

    Source: Belkin et al. 2019, arXiv:1812.11118; Belkin, Hsu and Xu 2020, arXiv:1903.07571;
    Nakkiran et al. 2019, arXiv:1912.02292.
    """
    along_samples = isinstance(n, Sequence)
    capacities = list(widths) if isinstance(widths, Sequence) else [widths]
    sizes = list(n) if isinstance(n, Sequence) else [n]
    _check(family, capacities, sizes, seeds, noise, ridge, rep, data)
    for name, count in (("test", test), ("hidden", hidden), ("steps", steps)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected a whole number of at least 1, got {count!r}")
    if family == "epochs" and rep is not None and hidden % (rep.group.order or 1):
        raise ValueError(f"hidden: expected a multiple of |G|={rep.group.order}, got {hidden}")
    points = tuple((c, m) for c in capacities for m in sizes)
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    setting = Setting(family, points, ridge, rep, hidden, steps, lr, rng)
    if family == "gaussian":
        d = int(max(capacities)) if inputs is None else inputs
        if d < max(capacities) or (rep is not None and d % rep.dim):
            raise ValueError(f"inputs: expected at least {max(capacities)}, whole copies, got {d}")
    else:
        d = inputs or (10 if rep is None else rep.dim)
    if data is not None:
        data = checked_data(data, rep)
        d = data[0].shape[1]
    if rep is not None and family != "gaussian" and d != rep.dim:
        raise ValueError(f"inputs: expected rep.dim={rep.dim}, got {d}")

    most = max(sizes)
    held = (most + test) * (d + max(2 * hidden, *capacities if family != "kernel" else (most,)))
    batch = max(1, min(seeds, int(CHUNK / held)))
    counts = [min(batch, seeds - i) for i in range(0, seeds, batch)]
    rows: list[list[Scores]] = [[] for _ in points]
    outputs = 1
    if data is not None:
        outputs = data[1].shape[1] if data[1].is_floating_point() else int(data[1].max()) + 1

    def scores() -> Iterator[tuple[int, Scores]]:
        for count in counts:
            if data is None:
                shown = 0 if family == "gaussian" else test
                problems = draw_teacher(count, most, shown, d, noise, rep, rng)
            else:
                problems = draw_samples(count, most, test, data, noise, rng)
            yield from enumerate(CURVES[family](problems, setting))

    work = scores()
    for _ in track(range(len(counts) * len(points)), "double descent", progress):
        i, found = next(work)
        rows[i].append(found)
    risks, trained, wrong = (
        torch.stack([torch.cat([part[k] for part in row]) for row in rows]) for k in range(3)
    )
    dims = [coefficients(setting, c, d, outputs) for c, _ in points]
    axis = "samples" if along_samples else AXIS.get(family, "width")
    predicted: list[float] = []
    curve: tuple[tuple[float, float], ...] = ()
    if family == "gaussian":
        predicted = _predicted(setting, points, d, noise)
        fine, places = _between(setting, axis)
        curve = tuple(zip(places, _predicted(setting, fine, d, noise), strict=True))
    return DoubleDescent(
        family=family,
        axis=axis,
        at=tuple(sizes) if along_samples else tuple(capacities),
        risks=risks,
        train_risks=trained,
        wrong=wrong if data is not None and not data[1].is_floating_point() else None,
        predicted=tuple(predicted) or None,
        curve=curve,
        exact=ridge == 0,
        dims=None if family == "kernel" else tuple(dims),
        threshold=_threshold(setting, axis, d, outputs),
        noise=noise,
        ridge=ridge,
        symmetry="" if rep is None else rep.group.name,
    )


def _predicted(setting: Setting, points: Iterable[Point], d: int, noise: float) -> list[float]:
    """Of "gaussian": θ is of uniform direction among ``total`` coordinates, of which q are seen."""
    total = coefficients(setting, d, d, 1)
    found = []
    for capacity, n in points:
        q = coefficients(setting, capacity, d, 1)
        norm, missing = math.sqrt(q / total), math.sqrt(1 - q / total)
        found.append(ridge_risk(n, q, setting.ridge, noise, norm, missing))
    return found


def _between(setting: Setting, axis: str) -> tuple[list[Point], list[float]]:
    """All sizes between the first and the last, and where they are on the axis."""
    (c, n), (last, most) = setting.points[0], setting.points[-1]
    if axis == "samples":
        return [(c, m) for m in range(n, most + 1)], [float(m) for m in range(n, most + 1)]
    step = 1 if setting.rep is None else setting.rep.dim
    widths = range(int(c), int(last) + 1, step)
    return [(w, n) for w in widths], [float(w) for w in widths]


def _threshold(setting: Setting, axis: str, d: int, outputs: int) -> float | None:
    """Where the numbers fitted are as many as the numbers to fit; in the middle of a step."""
    if setting.family in ("kernel", "epochs"):
        return None
    many = outputs if setting.family == "network" else 1
    c, n = setting.points[0]
    if axis == "samples":
        return coefficients(setting, c, d, outputs) / many
    if setting.family == "network":
        return (n - 1) * outputs / (d + 1 + outputs) * setting.order
    return n * c / coefficients(setting, c, d, outputs)


def _check(
    family: str,
    widths: list[float],
    sizes: list[int],
    seeds: int,
    noise: float,
    ridge: float,
    rep: Rep | None,
    data: Data | None,
) -> None:
    if family not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {family!r}")
    for name, values in (("widths", widths), ("n", sizes)):
        whole = name == "n" or family != "kernel"
        if not values or any(not 0 < v < math.inf or (whole and int(v) != v) for v in values):
            kind = "whole numbers of at least 1" if whole else "positive numbers"
            raise ValueError(f"{name}: expected {kind}, got {values}")
        if any(b <= a for a, b in itertools.pairwise(values)):
            raise ValueError(f"{name}: expected increasing numbers, got {values}")
    if len(widths) > 1 and len(sizes) > 1:
        raise ValueError("n: expected a single number, since widths are several")
    if len(sizes) > 1 and family == "epochs":
        raise ValueError("n: expected a single number for the family 'epochs'")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ValueError(f"seeds: expected a whole number of at least 1, got {seeds!r}")
    for name, value in (("noise", noise), ("ridge", ridge)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
    if family == "kernel" and ridge:
        raise ValueError("ridge: of the family 'kernel' it is 1/width, expected 0 here")
    if family == "gaussian" and data is not None:
        raise ValueError("data: the family 'gaussian' draws its own, expected None")
    if rep is None:
        return
    if rep.group.order is None or not rep.is_orthogonal:
        raise ValueError(f"rep: expected an orthogonal one of a finite group, got {rep.name}")
    step = rep.dim if family == "gaussian" else rep.group.order
    what = f"rep.dim={step}" if family == "gaussian" else f"the order {step} of the group"
    if family not in ("kernel", "epochs") and any(w % step for w in widths):
        raise ValueError(f"widths: expected multiples of {what}, got {widths}")
