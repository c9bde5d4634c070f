#!/bin/sh
# Puts geomdl beside the libraries that it is compared with (escnn, kymatio, e3nn, PyG) into
# .venv-peers, then runs the comparisons: pytest -m peers tests/peers, with the arguments given.
# They need older SciPy and scikit-learn than constraints.txt pins, hence an environment of their own.
# Installs nothing, and needs no network, while its inputs and Python stay the same.
#
#   PYTHON        the interpreter to build on (python3); at least 3.11
#   GEOMDL_TORCH  what pip is asked for instead of the pinned torch, e.g. "torch==2.14.1"
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf '\npeers failed: %s\n' "$1" >&2
    exit 1
}

python=${PYTHON:-python3}
torch=${GEOMDL_TORCH:-$(grep '^torch==' constraints.txt)}
version='import sys; print(sys.version)'
home=.venv-peers
log=$home/install.log

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python is not Python 3.11 or newer. Next: name one that is, as in  make peers PYTHON=python3.12"

pip() {
    code=0
    $home/bin/python -m pip install --disable-pip-version-check --log "$log" "$@" || code=$?
    grep -vE ' (Found|Skipping) link' "$log" >"$log.short" && mv "$log.short" "$log" # 99 % of it
    return $code
}

compiler() { # py3nj, which escnn needs, comes as Fortran source
    command -v gfortran >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null &&
        { apt-get install -y -q gfortran || { apt-get update -q && apt-get install -y -q gfortran; }; } \
            >>"$log" 2>&1 && return
    fail "escnn needs a Fortran compiler. Next: install one (Debian: apt-get install gfortran), then run make again"
}

build() {
    echo "peers: installing into $home. The first time takes some minutes: PyTorch is large."
    if [ "$($home/bin/python -c "import pip; $version" 2>/dev/null)" != "$("$python" -c "$version")" ]; then
        rm -rf $home
        # Debian's python3 comes without ensurepip; the system's pip, where there is one, can stand in.
        "$python" -m venv $home >/dev/null 2>&1 ||
            { "$python" -m venv --clear --without-pip $home &&
                "$python" -m pip --python $home/bin/python install pip; } ||
            fail "no virtual environment. Next: install Python's venv (Debian: apt-get install python3-venv), then run make again"
    fi
    rm -f $home/stamp
    : >"$log"
    compiler
    # shellcheck disable=SC2086  # GEOMDL_TORCH may hold options too, such as an index
    pip $torch || fail "PyTorch did not install (log: $log). Next: check the network, or name another build in GEOMDL_TORCH, then run make again"
    # The torch that is there stays there, whatever a dependency would rather have.
    $home/bin/python -c 'import importlib.metadata as m; print("torch==" + m.version("torch"))' >$home/constraints.txt
    # escnn and kymatio use what SciPy 1.17 and scikit-learn 1.6 dropped.
    pip -c $home/constraints.txt -e '.[test]' 'escnn==1.0.11' 'kymatio==0.3.0' 'scipy<1.17' 'scikit-learn<1.6' ||
        fail "a dependency did not install (log: $log). Next: check the network, then run make again"
    echo "$wanted" >$home/stamp
    echo "peers: done (log: $log)"
}

wanted=$("$python" -c '
import hashlib, pathlib, sys
files = [pathlib.Path(name).read_bytes() for name in ("pyproject.toml", "constraints.txt", "tools/peers.sh")]
said = [text.encode() for text in (sys.version, sys.argv[1])]
print(hashlib.sha256(b"\0".join(files + said)).hexdigest())' "$torch")
[ "$(cat $home/stamp 2>/dev/null)" = "$wanted" ] || build

[ $# -gt 0 ] || set -- tests/peers
MPLBACKEND=agg OMP_NUM_THREADS=1 exec $home/bin/python -m pytest -n 2 -m peers "$@"
