"""`geomdl verify`: the theorems, predicted and measured."""

import argparse
import os
import sys
import time
from typing import Any

FEW = 8  # claims that are not worth other processes, each of which imports torch


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "verify",
        help="check the theorems on symmetry numerically",
        description="Run the claims: each predicts a number by a theorem, measures it by a program"
        " and compares the two. Exit code 0: all hold; 1: one does not, or crashed; 2: bad input.",
    )
    command.add_argument(
        "patterns",
        nargs="*",
        metavar="PATTERN",
        help="names or topics, * and ? allowed; default: all",
    )
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="default: 0")
    command.add_argument(
        "--fast", action="store_true", help="smaller experiments, with tolerances to match"
    )
    command.add_argument(
        "--jobs", type=jobs, metavar="N",
        help="processes; default: one for each core, and one in all for a few claims",
    )  # fmt: skip
    command.add_argument(
        "--out", metavar="FOLDER", help="write verify.html, verify.json, verify.md and figures"
    )
    command.add_argument(
        "--twins", action="store_true", help="also run each claim spoilt, which must refute it"
    )
    command.add_argument(
        "--sabotage",
        action="append",
        default=[],
        metavar="NAME",
        help="spoil this claim: it must fail (may be given several times)",
    )
    command.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    command.add_argument(
        "--long", action="store_true", help="also statement, formula, source, reason of tolerance"
    )
    command.add_argument("--json", action="store_true", help="print the outcomes as JSON")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the claims, print the table, and tell by the exit code."""
    from rich.console import Console

    from geomdl import claims
    from geomdl.bench.progress import Progress, RichProgress
    from geomdl.claims import report, table
    from geomdl.claims.verify import Outcome, verify

    names = claims.match(arguments.patterns)
    for name in arguments.sabotage:
        claims.find(name)
        if name not in names:
            raise ValueError(f"--sabotage: {name!r} is not among the claims that PATTERN names")
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=200)
    if arguments.list:
        console.print(table.contents([claims.find(name) for name in names]))
        return 0
    out = None if arguments.out is None else report.folder(arguments.out)
    jobs = arguments.jobs or (1 if len(names) <= FEW else os.cpu_count() or 1)
    start = time.perf_counter()
    with RichProgress() if sys.stderr.isatty() else Progress() as progress:
        progress.stage("claims", len(names))

        def after(outcome: Outcome) -> None:
            progress.advance(f"{outcome.claim.name} {outcome.verdict}")

        outcomes = verify(
            names, arguments.seed, sabotage=arguments.sabotage, fast=arguments.fast,
            twins=arguments.twins, jobs=jobs, figures=out is not None, after=after,
        )  # fmt: skip
    problems = []
    if out is not None:
        from geomdl.cli.verify_page import page

        problems = report.write(outcomes, arguments.seed, out, arguments.fast)
        text = page(outcomes, arguments.seed, arguments.fast)
        (out / "verify.html").write_text(text, encoding="utf-8")
    problems += [f"{o.claim.name}: crashed ({o.failure})" for o in outcomes if o.failure]
    failed = [o.claim.name for o in outcomes if not o.holds]
    if arguments.json:
        print(report.dump(report.document(outcomes, arguments.seed, arguments.fast)))
    else:
        console.print(table.rich_table(outcomes, console.width))
        if arguments.long:
            console.print(table.details(outcomes))
            console.print()
        seconds = time.perf_counter() - start
        held = f"{len(outcomes) - len(failed)} of {len(outcomes)} claims hold"
        held += ", their twins refuted" if arguments.twins and not failed else ""
        verdict = held + (f"; not: {', '.join(failed)}" if failed else "")
        console.print(f"{verdict} ({seconds:.1f} s, seed {arguments.seed})", markup=False)
        if out is not None:
            console.print(f"Report: {out}/verify.html", soft_wrap=True, markup=False)
    for problem in problems:
        print(f"geomdl: {problem}", file=sys.stderr)
    return 1 if failed or problems else 0


def jobs(text: str) -> int:
    """A number of processes.

    Args:
        text: as given.

    Returns:
        The number.

    Example:
        >>> jobs("2")
        2
    """
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1024, got {text}")
    return int(text)


def seed(text: str) -> int:
    """A seed: a whole number that is not negative.

    Args:
        text: as given.

    Returns:
        The number.

    Example:
        >>> seed("7")
        7
    """
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text}")
    return int(text)
