"""Suite `scattering/small_data`: digits from few samples, scattering against a CNN."""

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from geomdl import data
from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, SuiteResult, Table
from geomdl.bench.statistics import paired_interval
from geomdl.bench.suites.images.training import BATCH, Learner, Samples, error_of
from geomdl.bench.suites.learning import Errors, columns_of, figure_of, no_errors, rows_of
from geomdl.scattering import Scattering2D
from geomdl.translation import CNN

COUNTS = (100, 300, 1000, 5000)
STEPS, RATE = 1000, 2e-3
TRIAL = 5  # steps that are timed beforehand
TEST = 2000
DIRECTIONS = (5, 10, 20, 40, 80)  # of the affine spaces, chosen on a fifth of the training samples
PIXELS, LINEAR, AFFINE, NETWORK, PLAIN = (
    "pixels + linear",
    "scattering + linear",
    "scattering + PCA",
    "scattering + network",
    "CNN",
)
NAMES = (PIXELS, PLAIN, LINEAR, AFFINE, NETWORK)
OURS = LINEAR


def features(x: Tensor, J: int) -> Tensor:
    """Scattering coefficients, (n, numbers)."""
    transform = Scattering2D(J, (x.shape[-2], x.shape[-1]))
    with torch.no_grad():
        parts = [transform(rows[:, 0]).flatten(1) for rows in x.split(250)]
    return torch.cat(parts)


def fit_linear(x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    """Answers of logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300, tol=1e-3))
    model.fit(x.flatten(1).numpy(), y.numpy())
    return lambda u: torch.from_numpy(model.predict(u.flatten(1).numpy()))


def linear(train: Samples, test: Samples, seed: int, steps: int) -> float:
    """Error of logistic regression."""
    (u, v) = test
    return float((fit_linear(*train)(u) != v).double().mean())


def affine(train: Samples, test: Samples, seed: int, steps: int) -> float:
    """Error of the nearest affine space, one a class: its mean and first principal directions.

    The number of directions is chosen on a fifth of the training samples. Bruna & Mallat 2013.
    """
    (x, y), (u, v) = train, test
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    held, rest = order[: len(y) // 5], order[len(y) // 5 :]
    errors = [_answer_error(x[rest], y[rest], x[held], y[held], number) for number in DIRECTIONS]
    best = DIRECTIONS[min(range(len(errors)), key=lambda k: (errors[k], k))]
    return _answer_error(x, y, u, v, best)


def _answer_error(x: Tensor, y: Tensor, u: Tensor, v: Tensor, number: int) -> float:
    distances = []
    for label in range(int(y.max()) + 1):
        own = x[y == label]
        if not len(own):  # never the answer
            distances.append(u.new_full((len(u),), math.inf))
            continue
        mean = own.mean(0)
        rest = u - mean
        directions = torch.linalg.svd(own - mean, full_matrices=False).Vh[
            : min(number, len(own) - 1)
        ]
        distances.append(rest.square().sum(1) - (rest @ directions.T).square().sum(1))
    return float((torch.stack(distances, 1).argmin(1) != v).double().mean())


def network(train: Samples, test: Samples, seed: int, steps: int) -> float:
    """Error of one hidden layer on standardised features."""
    (x, y), (u, v) = train, test
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Dropout(0.5), torch.nn.Linear(x.shape[1], 256), torch.nn.ReLU(),
            torch.nn.Dropout(0.5), torch.nn.Linear(256, 10),
        )  # fmt: skip
    learner = Learner(model, ((x - mean) / deviation, y), seed=seed, rate=RATE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        learner.train(steps=steps)
    with learner.averaged() as averaged:
        return error_of(averaged, ((u - mean) / deviation, v))


def cnn(train: Samples, test: Samples, seed: int, steps: int) -> float:
    """Error of a CNN of three stages on the images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CNN(1, 10, widths=(32, 64, 64), padding="zeros", down="blur", strict=False)
    learner = Learner(model, train, seed=seed, rate=RATE)
    learner.train(steps=steps)
    with learner.averaged() as averaged:
        return error_of(averaged, test)


METHODS: dict[str, Callable[[Samples, Samples, int, int], float]] = {
    PIXELS: linear, PLAIN: cnn, LINEAR: linear, AFFINE: affine, NETWORK: network,
}  # fmt: skip


def steps_within(seconds: float, samples: dict[str, Samples], counts: int) -> int:
    """Steps of each training, so that those for all counts of samples and one seed take so long.

    Args:
        seconds: for all of them.
        samples: name of a method that is trained -> its inputs and labels.
        counts: how many trainings a method.
    """
    cost = {}
    for name, (x, y) in samples.items():
        few = x[:BATCH], y[:BATCH]
        METHODS[name](few, few, 0, 1)  # compiles what is compiled on first use
        begin = time.perf_counter()
        METHODS[name](few, few, 0, TRIAL)
        cost[name] = (time.perf_counter() - begin) / TRIAL
    return affordable(seconds, cost, repeats=counts, most=STEPS, least=TRIAL)


def load(context: Context) -> tuple[str, Tensor, Tensor, str | None]:
    """MNIST, or UCI's digits where there is none: name, images, labels, and what to say."""
    name, said = context.data or "mnist", None
    try:
        found = data.load(name, root=context.root)
    except FileNotFoundError:
        if context.data is not None:
            raise
        name, said = "digits", "UCI digits, for want of MNIST (--root)"
        found = data.load(name)
    return name, found["images"], found["labels"], said


@suite("scattering/small_data", title="Digits from few samples", weight=3.0, seeds=5)
def small_data(context: Context) -> SuiteResult:
    """Train every method on some of the digits, drawn by the seed.

    Args:
        context: limits of the run.

    Returns:
        Test error by number of samples and method.
    """
    name, x, y, said = load(context)
    J = 2 if x.shape[-1] > 8 else 1
    coefficients = features(x, J)
    known = len(y) - min(TEST, len(y) // 3)
    counts = tuple(n for n in COUNTS if n <= known)
    inputs = {name: x if name in (PIXELS, PLAIN) else coefficients for name in NAMES}
    trained = {name: (inputs[name], y) for name in (PLAIN, NETWORK)}
    steps = steps_within(context.budget.left / 2, trained, len(counts))
    found = no_errors(NAMES, counts)
    context.progress.stage("scattering/small_data", context.seeds * len(counts) * len(NAMES))
    done, begin, most = 0, time.perf_counter(), len(counts)
    for seed in range(context.seeds):
        took = (time.perf_counter() - begin) / max(done, 1)
        if done and took > context.budget.left:
            break
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
        test = order[known:]
        for k, count in enumerate(counts[:most]):
            train, start = order[:count], context.budget.used
            for method in NAMES:
                source = inputs[method]
                samples = (source[train], y[train]), (source[test], y[test])
                error = METHODS[method](*samples, seed, steps)
                found[method][count].append(error)
                context.progress.advance(f"{method}, {count}: {100 * error:.1f} %")
            if not done and context.budget.used - start > context.budget.left:
                most = k + 1  # the next takes at least as long
                break
        done += 1
    errors = {name: {n: runs[n] for n in counts[:most]} for name, runs in found.items()}
    parts = [f"{done} instead of {context.seeds} seeds"] * (done < context.seeds)
    parts += [f"{steps} steps of training instead of {STEPS}"] * (steps < STEPS)
    parts += [f"at most {counts[most - 1]:,} samples"] * (most < len(counts))
    return SuiteResult(
        title="Digits from few samples",
        summary="Scattering with J scales and 8 directions, then logistic regression, the nearest"
        f" affine space of a class, or one hidden layer; against a CNN ({steps} steps of {BATCH})"
        " and logistic regression on pixels. No augmentation.",
        tables=(Table(
                "errors",
                columns_of(NAMES, PLAIN, OURS),
                tuple(rows_of(errors, PLAIN, OURS)),
                "Test error",
            ),),
        figures=(figure_of(errors, "errors"),),
        checks=tuple(_checks(errors)) if done > 1 and steps == STEPS else (),
        notes=(f"Data: {said}.",) if said else (),
        reduced=", ".join(parts) + ", to keep to the time budget" if parts else None,
        settings={
            "data": name, "J": J, "L": 8, "test samples": len(y) - known,
            "seeds": list(range(done)), "features": coefficients.shape[1], "dtype": "float32",
        },
    )  # fmt: skip


def _checks(errors: Errors) -> list[Check]:
    checks = []
    for count in list(errors[PLAIN])[:2]:
        gap = paired_interval(errors[PLAIN][count], errors[OURS][count])
        text = (
            f"{count} samples: {OURS} errs less than the {PLAIN} by {100 * gap.mean:.1f} points"
            f" [{100 * gap.low:.1f}, {100 * gap.high:.1f}: paired 95 % interval over the seeds]"
        )
        checks.append(Check(f"samples, {count}", gap.low > 0, text))
    return checks
