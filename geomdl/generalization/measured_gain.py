"""`measure_invariance_gain`: plain, averaged, augmented and invariant models, side by side."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from geomdl.auditing.progress import track
from geomdl.generalization.feature_risk import FEWEST, kernel_risks
from geomdl.generalization.gain_result import METHODS, MeasuredGain
from geomdl.generalization.invariant_risk import averaging_gap
from geomdl.generalization.linear_risk import ridgeless_risk
from geomdl.generalization.min_norm import kernel_ridge, least_squares
from geomdl.generalization.problems import (
    Data,
    Problems,
    check_options,
    check_symmetry,
    checked_data,
    draw_samples,
    draw_teacher,
    generator,
)
from geomdl.generalization.random_features import averaged_kernel
from geomdl.generalization.two_layer import TwoLayer, train
from geomdl.groups import Rep

__all__ = ["MODELS", "measure_invariance_gain"]

CHUNK = 1e7  # numbers held at once by a batch of seeds
Outputs = dict[str, Tensor]  # by method: outputs on the test samples, (problems, m, k)


def measure_invariance_gain(
    model: str,
    rep: Rep,
    n: int,
    seeds: int = 20,
    *,
    noise: float = 0.5,
    ridge: float | None = None,
    data: Data | None = None,
    test: int = 500,
    hidden: int = 32,
    steps: int = 600,
    lr: float = 0.02,
    rng: torch.Generator | None = None,
    progress: bool | None = None,
) -> MeasuredGain:
    """Measure what four ways to use a symmetry gain, on the same samples.

    - plain: the model as it is.
    - averaged: the plain model, averaged over the group after training.
    - augmented: trained on all transformed samples (a network: on one element a step, in turn, so
      that all networks take equally many steps on equally many samples).
    - invariant: averaged by its architecture: the invariant coordinates, the averaged kernel, or
      neurons in orbits (of ``hidden`` neurons in all, as the plain network has).

    For the linear model without ridge on generated data the mean risks are known: `predicted`,
    exact; for the kernel in five or more dimensions they are predicted for large n, as by
    `random_feature_risk`. For linear and kernel models augmented and invariant are the same
    function, if the ridge of the one is |G| times that of the other, as it is here; to rounding.

    Args:
        model: "linear" (least squares of minimum norm, or ridge), "kernel" (`averaged_kernel`) or
            "network" (two layers of ReLU, Adam).
        rep: orthogonal representation of a finite group on the inputs.
        n: training samples.
        seeds: independent problems, at least 2, for the error.
        noise: standard deviation of what is added to the targets; of classes, a share.
        ridge: λ of |y - f|² + λ|f|²; default 0, of the kernel noise² or 1e-3, whichever is more.
        data: samples (x, y) as for `double_descent`; default an invariant linear target. Test
            samples are transformed at random, for every method alike.
        test: test samples of each seed.
        hidden: neurons, a multiple of |G|.
        steps: of training.
        lr: learning rate of networks.
        rng: generator; default one seeded with 0.
        progress: whether to show a bar on standard error; default on a terminal only.

    Returns:
        Risks of each method and seed, with paired differences and a table as text.

    Raises:
        ValueError: an unknown model, a representation that does not fit, a negative ridge, too few
            samples or seeds, NaN in the data.
        TypeError: no representation, no pair of tensors, no generator.

    Example:
        >>> import geomdl
        >>> rep = 2 * geomdl.group("C4").regular
        >>> found = measure_invariance_gain("linear", rep, n=30, seeds=50)
        >>> gain, error = found.gain("invariant", over="plain")
        >>> gain > 3 * error
        True

    Source: Elesedy and Zaidi 2021, arXiv:2102.10333; Mei, Misiakiewicz and Montanari 2021,
    arXiv:2102.13219.
    """
    if model not in MODELS:
        raise ValueError(f"model: expected one of {', '.join(MODELS)}, got {model!r}")
    check_symmetry(rep)
    order = len(rep.group.elements)
    check_options(
        seeds, noise, 0.0 if ridge is None else ridge, lr, n=n, test=test, hidden=hidden,
        steps=steps,
    )  # fmt: skip
    if ridge is None:
        ridge = max(noise**2, 1e-3) if model == "kernel" else 0.0
    if model == "kernel" and ridge == 0:
        raise ValueError(f"ridge: expected more than 0 of the model 'kernel', got {ridge!r}")
    if model == "network" and hidden % order:
        raise ValueError(f"hidden: expected a multiple of |G|={order}, got {hidden}")
    rng = generator(rng)
    if data is not None:
        data = checked_data(data, rep)
    width = max(rep.dim, n, hidden) * (order if model == "kernel" else 1)
    batch = max(1, min(seeds, int(CHUNK / ((n * order + test) * width))))
    counts = [min(batch, seeds - i) for i in range(0, seeds, batch)]
    parts: dict[str, list[Tensor]] = {method: [] for method in METHODS}
    for count in track(counts, "gain of invariance", progress):
        if data is None:
            problems = draw_teacher(count, n, test, rep.dim, noise, rep, rng)
        else:
            problems = _turned(draw_samples(count, n, test, data, noise, rng), rep, rng)
        options = {"ridge": ridge, "hidden": hidden, "steps": steps, "lr": lr}
        for method, risk in MODELS[model](problems, rep, rng, options).items():
            parts[method].append(risk)
    predicted = {}
    if model == "linear" and ridge == 0 and data is None:
        d, k = rep.dim, len(rep.fixed())
        plain, invariant = (ridgeless_risk(n, p, noise) for p in (d, k))
        after = plain - averaging_gap(n, d, d - k, noise) if plain < math.inf else math.inf
        predicted = dict(zip(METHODS, (plain, after, invariant, invariant), strict=True))
    if model == "kernel" and data is None and rep.dim >= FEWEST:
        plain, after, invariant = kernel_risks(n, rep, ridge, noise)
        predicted = dict(zip(METHODS, (plain, after, invariant, invariant), strict=True))
    return MeasuredGain(
        model=model,
        group=rep.group.name,
        n=n,
        risks={method: torch.cat(values) for method, values in parts.items()},
        predicted=predicted,
        noise=noise,
    )


def _linear(
    problems: Problems, rep: Rep, rng: torch.Generator, options: dict[str, float]
) -> Outputs:
    """Least squares; the risk on generated data is the exact one, |ŵ - θ|²."""
    x, y, ridge = problems.x, problems.y, options["ridge"]
    mean, basis = rep.reynolds, rep.fixed()
    order = len(rep.group.elements)
    plain = least_squares(x, y, ridge)
    moved = _orbit(x, rep).flatten(1, 2)
    found = {
        "plain": plain,
        "averaged": mean @ plain,
        "augmented": least_squares(moved, y.repeat(1, order, 1), order * ridge),
        "invariant": basis.T @ least_squares(x @ basis.T, y, ridge),
    }
    if problems.theta is not None:
        theta = problems.theta
        return {name: (w - theta).square().sum((1, 2)) for name, w in found.items()}
    return {name: _risk(problems.new @ w, problems) for name, w in found.items()}


def _kernel(
    problems: Problems, rep: Rep, rng: torch.Generator, options: dict[str, float]
) -> Outputs:
    """Kernel ridge regression."""
    x, y, new, ridge = problems.x, problems.y, problems.new, options["ridge"]
    group = rep(rep.group.elements)
    order = len(group)
    mean, mean_new = averaged_kernel(x, x, group), averaged_kernel(new, x, group)
    a = kernel_ridge(averaged_kernel(x, x), y, ridge)
    moved = _orbit(x, rep).flatten(1, 2)
    b = kernel_ridge(averaged_kernel(moved, moved), y.repeat(1, order, 1), order * ridge)
    found = {
        "plain": averaged_kernel(new, x) @ a,
        "averaged": mean_new @ a,
        "augmented": averaged_kernel(new, moved) @ b,
        "invariant": mean_new @ kernel_ridge(mean, y, ridge),
    }
    return {name: _risk(out, problems) for name, out in found.items()}


def _network(
    problems: Problems, rep: Rep, rng: torch.Generator, options: dict[str, float]
) -> Outputs:
    """Two-layer networks, with equally many steps for all."""
    x, y, new = problems.x, problems.y, problems.new
    group = rep(rep.group.elements)
    hidden, steps = int(options["hidden"]), [int(options["steps"])]
    found = {}
    for name in ("plain", "augmented", "invariant"):
        shared = name == "invariant"
        f = TwoLayer(
            len(x), rep.dim, hidden // (len(group) if shared else 1), y.shape[-1], rng,
            group if shared else None,
        )  # fmt: skip
        inputs = _orbit(x, rep) if name == "augmented" else x
        for _ in train(f, inputs, y, steps, options["lr"], options["ridge"]):
            with torch.no_grad():
                found[name] = f(new)
                if name == "plain":
                    turned = _orbit(new, rep)
                    found["averaged"] = torch.stack([f(z) for z in turned.unbind(1)]).mean(0)
    return {name: _risk(found[name], problems) for name in METHODS}


def _orbit(x: Tensor, rep: Rep) -> Tensor:
    """All transformed samples, (problems, |G|, n, d)."""
    return torch.einsum("gij,snj->sgni", rep(rep.group.elements), x)


def _turned(problems: Problems, rep: Rep, rng: torch.Generator) -> Problems:
    """The same problems, each test sample moved by a random element."""
    group = rep(rep.group.elements)
    chosen = torch.randint(len(group), problems.new.shape[:2], generator=rng)
    moved = torch.einsum("smij,smj->smi", group[chosen], problems.new)
    return Problems(problems.x, problems.y, moved, problems.answers, problems.labels)


def _risk(out: Tensor, problems: Problems) -> Tensor:
    return (out - problems.answers).square().sum(-1).mean(1)


Model = Callable[[Problems, Rep, torch.Generator, dict[str, float]], Outputs]
MODELS: dict[str, Model] = {"linear": _linear, "kernel": _kernel, "network": _network}
