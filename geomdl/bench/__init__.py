"""Benchmarks: suites in a registry, timing by paired ratios, one report.

A suite compares things on real data and gives tables, figures and checks as data; `run` writes
them as `results.json`, Markdown, plots and one self-contained `report.html`. No row shows an
accuracy without the equivariance error beside it, and no speed that is not a ratio measured in
the same process.

Example:
    >>> from geomdl import bench
    >>> [name for name in bench.list_suites() if "/" not in name]
    ['digits', 'groups', 'import', 'kernels']
"""

from geomdl.bench.budget import Budget
from geomdl.bench.environment import environment
from geomdl.bench.memory import peak_memory
from geomdl.bench.progress import Progress, progress
from geomdl.bench.registry import Context, list_suites, suite
from geomdl.bench.report import rebuild
from geomdl.bench.results import Check, Column, Figure, Results, SuiteResult, Table
from geomdl.bench.runner import run
from geomdl.bench.statistics import beats, mean_sd, paired_interval, quartiles
from geomdl.bench.timing import Timing, compare

__all__ = [
    "Budget",
    "Check",
    "Column",
    "Context",
    "Figure",
    "Progress",
    "Results",
    "SuiteResult",
    "Table",
    "Timing",
    "beats",
    "compare",
    "environment",
    "list_suites",
    "mean_sd",
    "paired_interval",
    "peak_memory",
    "progress",
    "quartiles",
    "rebuild",
    "run",
    "suite",
]
