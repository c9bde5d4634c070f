"""The figures of the suite, as data."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.bench.results import Figure
from geomdl.bench.statistics import mean_sd
from geomdl.bench.suites.digits.task import turned
from geomdl.bench.suites.digits.testing import Finding, outputs
from geomdl.bench.timing import Timing

EXACT_ERROR = 1e-12  # what exact means in float64
ORBIT = tuple(range(0, 360, 30))

Tests = Mapping[str, Sequence[Finding]]


def accuracy_over_angle(tests: Tests, classes: int) -> Figure:
    """Accuracy of every network over the angle, with a band over the seeds."""
    angles = sorted(next(iter(tests.values()))[0].accuracy)
    x = [a - 360 for a in angles if a >= 180] + [a for a in angles if a <= 180]
    series = [
        {"name": name, "values": [[t.accuracy[a % 360] for a in x] for t in runs]}
        for name, runs in tests.items()
    ]
    return Figure(
        "angle",
        "curves",
        "Accuracy over the angle",
        "Mean over the seeds; bands run from the worst seed to the best. Grey bars: upright, and"
        " turned by 90°.",
        {
            "x": x,
            "x_label": "angle by which the test digits are turned",
            "x_unit": "°",
            "ticks": list(range(-180, 181, 90)),
            "marks": [-90, 0, 90],
            "y_label": "accuracy",
            "y_percent": True,
            "level": {"value": 1 / classes, "text": "chance"},
            "series": series,
        },
    )


def upright_and_turned(tests: Tests) -> Figure:
    """Three accuracies of every network on one line."""
    rows = [
        {
            "name": name,
            "values": [
                vars(mean_sd([t.upright for t in runs])),
                vars(mean_sd([t.quarter for t in runs])),
                vars(mean_sd([t.any_angle for t in runs])),
            ],
        }
        for name, runs in tests.items()
    ]
    return Figure(
        "turned",
        "dumbbell",
        "Upright against turned",
        "Mean over the seeds; the thin line is one standard deviation to either side.",
        {
            "labels": ["upright", "90°, 180°, 270°", "any angle"],
            "x_label": "accuracy",
            "x_percent": True,
            "rows": rows,
        },
    )


def errors(tests: Tests) -> Figure:
    """Equivariance error of every network and seed."""
    return Figure(
        "error",
        "dots",
        "Equivariance error",
        "Of the trained networks under the eight symmetries of the square, in float64; one dot a"
        " seed.",
        {
            "log": True,
            "x_label": "error, relative to the variation of the output",
            "limit": {"value": EXACT_ERROR, "text": "exact"},
            "rows": [{"name": n, "values": [t.error for t in runs]} for n, runs in tests.items()],
        },
    )


def cost(tests: Tests, timing: Timing) -> Figure:
    """Accuracy at any angle against the time of a training step."""
    points = []
    for name, runs in tests.items():
        ratio, accuracy = timing.ratio(name), mean_sd([t.any_angle for t in runs])
        low, high = accuracy.mean - accuracy.sd, accuracy.mean + accuracy.sd
        points.append(
            {
                "name": name,
                "x": [ratio.low, ratio.median, ratio.high],
                "y": [low, accuracy.mean, high],
            }
        )
    return Figure(
        "cost",
        "scatter",
        "Accuracy against time",
        f"Time of a training step as a ratio to the {timing.baseline}, paired in each round:"
        " median and quartiles.",
        {
            "x_log": True,
            "x_label": f"time a step, relative to the {timing.baseline}",
            "y_label": "accuracy at any angle",
            "y_percent": True,
            "points": points,
        },
    )


def learning(losses: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Training loss over the epochs."""
    epochs = len(next(iter(losses.values()))[0])
    return Figure(
        "learning",
        "curves",
        "How they learned",
        "Cross entropy on the training digits (turned ones for the CNN + rotations); bands over"
        " the seeds.",
        {
            "x": list(range(1, epochs + 1)),
            "x_label": "epoch",
            "y_label": "training loss",
            "log": True,
            "series": [
                {"name": n, "values": [list(r) for r in runs]} for n, runs in losses.items()
            ],
        },
    )


def orbit(models: Mapping[str, nn.Module], image: Tensor, label: int) -> Figure:
    """One digit at twelve angles, and what each network reads there.

    Args:
        models: name -> trained network.
        image: shape (1, 1, size, size).
        label: what it is.
    """
    images = torch.cat([turned(image, angle) for angle in ORBIT])
    rows: list[dict[str, Any]] = [
        {"name": name, "answers": outputs(model, images).argmax(-1).tolist()}
        for name, model in models.items()
    ]
    grey = (images[:, 0].clamp(0, 1) * 255).round().to(torch.uint8)
    return Figure(
        "orbit",
        "orbit",
        "One digit, turned",
        f"A {label} of the test set at twelve angles, and what the networks of seed 0 read; wrong"
        " answers in red.",
        {
            "images": base64.b64encode(grey.numpy().tobytes()).decode(),
            "shape": list(grey.shape),
            "columns": [f"{angle}°" for angle in ORBIT],
            "truth": label,
            "rows": rows,
        },
    )
