"""`geomdl report`: write report.html again from results.json."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "report",
        help="write a benchmark's report again",
        description="Write report.html again from the results.json that `geomdl bench` left.",
    )
    command.add_argument("out", nargs="?", default="out", metavar="FOLDER", help="default: out")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Rebuild the report."""
    from geomdl.bench import rebuild

    print(rebuild(arguments.out))
    return 0
