#!/bin/sh
# Puts geomdl, its dependencies and the tools of `make test`, `make lint` and `make docs` into .venv.
# Does nothing, and needs no network, while pyproject.toml, constraints.txt and Python stay the same.
# PYTHON and GEOMDL_TORCH choose the interpreter and the build of PyTorch: see environment.sh.
set -eu
cd "$(dirname "$0")/.."

what=setup home=.venv inputs="pyproject.toml constraints.txt tools/environment.sh"
. tools/environment.sh

stamp=$(wanted)
[ "$(cat $home/stamp 2>/dev/null)" = "$stamp" ] && exit 0

empty_environment
if [ -n "${GEOMDL_TORCH:-}" ]; then
    grep -v '^torch==' constraints.txt >$home/constraints.txt
else
    cp constraints.txt $home/constraints.txt
fi
# shellcheck disable=SC2086  # GEOMDL_TORCH may hold options too, such as an index
pip -c $home/constraints.txt $torch || no_torch
pip -c $home/constraints.txt -e '.[test,lint,docs,dist,export]' || no_dependency

echo "$stamp" >$home/stamp
echo "setup: done (log: $log)"
