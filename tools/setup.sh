#!/bin/sh
# Puts geomdl, its dependencies and the tools of `make test`, `make lint` and `make docs` into .venv.
# Does nothing, and needs no network, while pyproject.toml, constraints.txt and Python stay the same.
#
#   PYTHON        the interpreter to build on (python3); at least 3.11
#   GEOMDL_TORCH  what pip is asked for instead of the pinned torch, e.g. "torch==2.14.1"
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf '\nsetup failed: %s\n' "$1" >&2
    exit 1
}

python=${PYTHON:-python3}
torch=${GEOMDL_TORCH:-$(grep '^torch==' constraints.txt)}
version='import sys; print(sys.version)'

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python is not Python 3.11 or newer. Next: name one that is, as in  make test PYTHON=python3.12"

wanted=$("$python" -c '
import hashlib, pathlib, sys
files = [pathlib.Path(name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
said = [text.encode() for text in (sys.version, sys.argv[1])]
print(hashlib.sha256(b"\0".join(files + said)).hexdigest())' "$torch")
[ "$(cat .venv/stamp 2>/dev/null)" = "$wanted" ] && exit 0

echo "setup: installing into .venv. The first time takes some minutes: PyTorch is large."
if [ "$(.venv/bin/python -c "import pip; $version" 2>/dev/null)" != "$("$python" -c "$version")" ]; then
    rm -rf .venv
    # Debian's python3 comes without ensurepip; the system's pip, where there is one, can stand in.
    "$python" -m venv .venv >/dev/null 2>&1 ||
        { "$python" -m venv --clear --without-pip .venv &&
            "$python" -m pip --python .venv/bin/python install pip; } ||
        fail "no virtual environment. Next: install Python's venv (Debian: apt-get install python3-venv), then run make again"
fi

rm -f .venv/stamp
log=.venv/install.log
: >"$log"
pip() {
    code=0
    .venv/bin/python -m pip install --disable-pip-version-check --log "$log" -c .venv/constraints.txt "$@" || code=$?
    grep -vE ' (Found|Skipping) link' "$log" >"$log.short" && mv "$log.short" "$log" # 99 % of it
    return $code
}

if [ -n "${GEOMDL_TORCH:-}" ]; then
    grep -v '^torch==' constraints.txt >.venv/constraints.txt
else
    cp constraints.txt .venv/constraints.txt
fi
# shellcheck disable=SC2086  # GEOMDL_TORCH may hold options too, such as an index
pip $torch || fail "PyTorch did not install (log: $log). Next: check the network, or name another build in GEOMDL_TORCH, then run make again"
pip -e '.[test,lint,docs,dist,export]' || fail "a dependency did not install (log: $log). Next: check the network, then run make again"

echo "$wanted" >.venv/stamp
echo "setup: done (log: $log)"
