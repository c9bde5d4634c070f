"""`python -m geomdl` is the command `geomdl`."""

from geomdl.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
