"""Results to draw and write, and suites that cost nothing."""

import base64

from geomdl.bench import Check, Column, Figure, SuiteResult, Table

COLUMNS = (
    Column("name", "model"),
    Column("accuracy", "accuracy", "percent", better="higher", note="On the test set."),
    Column("error", "equivariance error", "scientific", better="lower"),
    Column("time", "time a step", "ratio"),
    Column("size", "memory", "bytes"),
    Column("parameters", "parameters", "count"),
)
ROWS = (
    {
        "name": "plain <CNN>",
        "accuracy": {"mean": 0.875, "sd": 0.01, "n": 3},
        "error": 0.25,
        "time": {"median": 1.0, "low": 1.0, "high": 1.0, "n": 9},
        "size": 19_267_592,
        "parameters": 51_234,
    },
    {
        "name": "D4 network",
        "accuracy": {"mean": 0.975, "sd": 0.002, "n": 3},
        "error": 1.25e-15,
        "time": {"median": 3.4, "low": 3.3, "high": 3.6, "n": 9},
        "size": 999,
        "parameters": None,
    },
)
CURVES = {
    "x": [-90, 0, 90],
    "x_label": "angle",
    "y_label": "accuracy",
    "y_percent": True,
    "ticks": [-90, 0, 90],
    "x_unit": "°",
    "marks": [0],
    "level": {"value": 0.1, "text": "chance"},
    "series": [
        {"name": "CNN", "values": [[0.1, 0.9, 0.2], [0.15, 0.95, 0.1]]},
        {"name": "D4", "values": [[0.9, 0.9, 0.9], [0.95, 0.95, 0.95]]},
    ],
}
FIGURES = (
    Figure("curves", "curves", "Curves & angles", "Of <two>.", CURVES),
    Figure(
        "loss",
        "curves",
        "Loss",
        "",
        {
            "x": [1, 2],
            "x_label": "epoch",
            "y_label": "loss",
            "log": True,
            "series": [{"name": "CNN", "values": [[1.0, 0.01]]}],
        },
    ),
    Figure(
        "dumbbell",
        "dumbbell",
        "Dumbbell",
        "",
        {
            "labels": ["upright", "turned"],
            "x_label": "accuracy",
            "x_percent": True,
            "rows": [
                {"name": "CNN", "values": [{"mean": 0.9, "sd": 0.1}, {"mean": 0.2, "sd": 0.0}]}
            ],
        },
    ),
    Figure(
        "errors",
        "dots",
        "Errors",
        "",
        {
            "log": True,
            "x_label": "error",
            "limit": {"value": 1e-12, "text": "exact"},
            "rows": [
                {"name": "CNN", "values": [0.4, 0.5]},
                {"name": "zero", "values": [0.0, 0.0]},
                {"name": "nothing", "values": [None]},
                {"name": "D4", "values": [1e-15, 3e-15]},
            ],
        },
    ),
    Figure(
        "times",
        "dots",
        "Times",
        "",
        {
            "x_label": "ms",
            "unit": " ms",
            "scale": 1e3,
            "rows": [{"name": "a", "values": [0.1, 0.2]}],
        },
    ),
    Figure(
        "cost",
        "scatter",
        "Cost",
        "",
        {
            "x_label": "time",
            "y_label": "accuracy",
            "y_percent": True,
            "x_log": True,
            "points": [
                {"name": "CNN", "x": [0.9, 1, 1.1], "y": [0.5, 0.6, 0.7]},
                {"name": "D4", "x": [2.9, 3, 3.1], "y": [0.5, 0.61, 0.7]},
            ],
        },
    ),
    Figure(
        "orbit",
        "orbit",
        "Orbit",
        "",
        {
            "images": base64.b64encode(bytes(range(2 * 3 * 4))).decode(),
            "shape": [2, 3, 4],
            "columns": ["0°", "90°"],
            "truth": 3,
            "rows": [{"name": "CNN", "answers": [3, 8]}, {"name": "D4", "answers": [3, 3]}],
        },
    ),
)


def result(holds=True, reduced=None):
    return SuiteResult(
        title="A suite <of things>",
        summary="What it does.",
        tables=(Table("models", COLUMNS, ROWS, "A table"),),
        figures=FIGURES,
        checks=(Check("exact", holds, "9 of 9 predictions & more"),),
        notes=("A note.",),
        reduced=reduced,
        settings={"epochs": 3, "sizes": [1, 2], "nested": {"a": None}},
    )
