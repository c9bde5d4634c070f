"""The command line: `geomdl doctor | list | audit | train | bench | report`.

Whatever a user can get wrong ends in one line on standard error and exit code 2. An audit that
fails, or a benchmark one of whose checks fails, ends in exit code 1.

Example:
    >>> from geomdl.cli import main
    >>> main(["list", "suites", "dig*"])
    digits
    0
"""

from geomdl.cli.app import main

__all__ = ["main"]
