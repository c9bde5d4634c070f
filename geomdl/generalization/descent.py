"""`double_descent`: the test risk of a family of models along its capacity."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import torch

from geomdl.auditing.progress import track
from geomdl.fields.numbers import at_least, is_finite
from geomdl.generalization.descent_result import DoubleDescent
from geomdl.generalization.families import CURVES, Point, Scores, Setting, coefficients
from geomdl.generalization.feature_risk import FEWEST, random_feature_risk
from geomdl.generalization.linear_risk import ridge_risk
from geomdl.generalization.problems import (
    Data,
    check_options,
    check_symmetry,
    checked_data,
    draw_samples,
    draw_teacher,
    generator,
)
from geomdl.groups import Rep

__all__ = ["FAMILIES", "double_descent"]

FAMILIES = tuple(CURVES)
AXIS = {"kernel": "1/ridge", "epochs": "epochs"}
CHUNK = 2e7  # numbers held at once by a batch of seeds
BETWEEN = 100  # places of a predicted curve between the first point and the last


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
    - "relu": p random features relu(⟨w, x⟩), nested along the curve. On generated data of five or
      more inputs `random_feature_risk` predicts the mean, for large sizes.
    - "kernel": their limit p → ∞, the arc-cosine kernel, with ridge 1/width; predicted likewise.
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
        seeds: independent problems and models, the same along the curve; at least 2, for the error.
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
            negative ridge or noise, too few samples or seeds, NaN in the data.
        TypeError: the data are no pair of tensors, the representation or the generator is none.

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
    along_samples = isinstance(n, Iterable)
    capacities = list(widths) if isinstance(widths, Iterable) else [widths]
    sizes = list(n) if isinstance(n, Iterable) else [n]
    check_options(seeds, noise, ridge, lr, test=test, hidden=hidden, steps=steps)
    _check(family, capacities, sizes, ridge, rep, data)
    sizes = [int(m) for m in sizes]
    if inputs is not None:
        at_least("inputs", inputs, 1)
    if family == "epochs" and rep is not None and hidden % (rep.group.order or 1):
        raise ValueError(f"hidden: expected a multiple of |G|={rep.group.order}, got {hidden}")
    points = tuple((c, m) for c in capacities for m in sizes)
    rng = generator(rng)
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
    features = family in ("relu", "kernel") and data is None and d >= FEWEST
    if family == "gaussian" or features:
        predicted = _predicted(setting, points, d, noise)
        fine = _between(setting, axis)
        places = [float(m if axis == "samples" else c) for c, m in fine]
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
        exact=family == "gaussian" and ridge == 0,
        dims=None if family == "kernel" else tuple(dims),
        threshold=_threshold(setting, axis, d, outputs),
        noise=noise,
        ridge=ridge,
        symmetry="" if rep is None else rep.group.name,
    )


def _predicted(setting: Setting, points: Iterable[Point], d: int, noise: float) -> list[float]:
    """Mean risks by formula; θ is of uniform direction."""
    if setting.family == "kernel":
        return [
            random_feature_risk(n, math.inf, d, 1 / c, noise, rep=setting.rep) for c, n in points
        ]
    total, found = coefficients(setting, d, d, 1), []
    for capacity, n in points:
        q = coefficients(setting, capacity, d, 1)
        if setting.family == "relu":
            found.append(random_feature_risk(n, q, d, setting.ridge, noise, rep=setting.rep))
        else:  # of ``total`` coordinates q are seen
            norm, missing = math.sqrt(q / total), math.sqrt(1 - q / total)
            found.append(ridge_risk(n, q, setting.ridge, noise, norm, missing))
    return found


def _between(setting: Setting, axis: str) -> list[Point]:
    """Sizes from the first point to the last: all of "gaussian", else at equal ratios."""
    (c, n), (last, most) = setting.points[0], setting.points[-1]
    low, high = (n, most) if axis == "samples" else (c, last)
    ratios = [low * (high / low) ** (i / BETWEEN) for i in range(BETWEEN + 1)]
    if axis == AXIS["kernel"]:
        return [(w, n) for w in ratios]
    step = 1 if axis == "samples" else _step(setting.family, setting.rep)
    places = set(range(int(low), int(high) + 1, step))
    if setting.family != "gaussian":
        peak = _threshold(setting, axis, 1, 1) or low
        near = {step * round(v / step) for v in (*ratios, peak - step, peak, peak + step)}
        places &= near
    return [(c, m) if axis == "samples" else (m, n) for m in sorted(places)]


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


def _step(family: str, rep: Rep | None) -> int:
    """What widths are multiples of: whole representations, or whole orbits."""
    if rep is None:
        return 1
    return rep.dim if family == "gaussian" else rep.group.order or 1


def _check(
    family: str,
    widths: list[float],
    sizes: list[int],
    ridge: float,
    rep: Rep | None,
    data: Data | None,
) -> None:
    if family not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {family!r}")
    for name, values in (("widths", widths), ("n", sizes)):
        whole = name == "n" or family != "kernel"
        if not values or not all(
            is_finite(v) and v > 0 and (int(v) == v or not whole) for v in values
        ):
            kind = "whole numbers of at least 1" if whole else "positive numbers"
            raise ValueError(f"{name}: expected {kind}, got {values}")
        if any(b <= a for a, b in itertools.pairwise(values)):
            raise ValueError(f"{name}: expected increasing numbers, got {values}")
    if len(widths) > 1 and len(sizes) > 1:
        raise ValueError("n: expected a single number, since widths are several")
    if len(sizes) > 1 and family == "epochs":
        raise ValueError("n: expected a single number for the family 'epochs'")
    if family == "kernel" and ridge:
        raise ValueError("ridge: of the family 'kernel' it is 1/width, expected 0 here")
    if family == "gaussian" and data is not None:
        raise ValueError("data: the family 'gaussian' draws its own, expected None")
    if rep is None:
        return
    check_symmetry(rep)
    step = _step(family, rep)
    what = f"rep.dim={step}" if family == "gaussian" else f"the order {step} of the group"
    if family not in ("kernel", "epochs") and any(w % step for w in widths):
        raise ValueError(f"widths: expected multiples of {what}, got {widths}")
