"""The command line: `geomdl doctor | list | audit | train | export | bench | verify | report`.

Whatever a user can get wrong ends in one line on standard error and exit code 2. An audit that
fails, an export that differs, a benchmark one of whose checks fails, or a claim that does not
hold, ends in exit code 1.

Example:
    >>> from geomdl.cli import main
    >>> main(["list", "suites", "dig*"])
    digits
    0
"""

from geomdl.cli.app import main

__all__ = ["main"]
