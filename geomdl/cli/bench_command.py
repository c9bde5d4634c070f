"""`geomdl bench`: run suites and write the report."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "bench",
        help="compare networks on data and write a report",
        description="Run suites of benchmarks (see `geomdl list suites`); print their tables and"
        " write results.json, table.md, the plots and report.html. Exit code 1 if a check fails.",
    )
    command.add_argument(
        "suites",
        nargs="*",
        metavar="SUITE",
        help='name, pattern ("images/*") or what stands before the slash; default: digits',
    )
    command.add_argument(
        "--budget",
        type=float,
        default=480.0,
        metavar="S",
        help="seconds for all the suites together; less gives a reduced run (default: 480)",
    )
    command.add_argument(
        "--seeds", type=int, metavar="N", help="default: 3, or 5 where a suite asks for them"
    )
    command.add_argument("--out", default="out", metavar="FOLDER", help="default: out")
    command.add_argument("--root", metavar="FOLDER", help="of data sets (or GEOMDL_DATA)")
    command.add_argument("--data", metavar="NAME", help="data set, where a suite has a choice")
    command.add_argument(
        "--peers", action="store_true", help="measure other libraries too, where installed"
    )
    command.add_argument("--threads", type=int, default=1, metavar="N", help="of torch; default: 1")
    command.add_argument("--quiet", action="store_true", help="no progress on standard error")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the suites, print what they found."""
    from rich.console import Console
    from rich.markup import escape

    from geomdl import bench
    from geomdl.bench.table import duration, rich_table

    results = bench.run(
        arguments.suites or ["digits"],
        budget=arguments.budget,
        seeds=arguments.seeds,
        out=arguments.out,
        data=arguments.data,
        root=arguments.root,
        peers=arguments.peers,
        threads=arguments.threads,
        progress=bench.progress(arguments.quiet),
    )
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    for name, suite in results.suites.items():
        console.print(f"\n[bold]{escape(suite.title)}[/] ({name}, {duration(suite.seconds)})")
        if suite.reduced is not None:
            console.print(f"[yellow]A reduced run:[/] {escape(suite.reduced)}.")
        for table in suite.tables:
            console.print(rich_table(table, console.width))
        for check in suite.checks:
            mark = "[green]✓[/]" if check.holds else "[red]✗[/]"
            console.print(f"{mark} {escape(check.text)}", soft_wrap=True)
    console.print(f"\nReport: {arguments.out}/report.html", soft_wrap=True, highlight=False)
    return 0 if results.holds else 1
