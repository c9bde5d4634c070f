#!/bin/sh
# Puts geomdl beside the libraries that it is compared with (escnn, kymatio, curvlinops, e3nn, PyG,
# tblite) into .venv-peers, then runs the comparisons: pytest -m peers tests/peers, with the arguments
# given.
# They need older SciPy and scikit-learn than constraints.txt pins, hence an environment of their own.
# Installs nothing, and needs no network, while its inputs and Python stay the same.
# PYTHON and GEOMDL_TORCH choose the interpreter and the build of PyTorch: see environment.sh.
set -eu
cd "$(dirname "$0")/.."

what=peers home=.venv-peers inputs="pyproject.toml constraints.txt tools/environment.sh tools/peers.sh"
. tools/environment.sh

compiler() { # py3nj, which escnn needs, comes as Fortran source
    command -v gfortran >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null &&
        { apt-get install -y -q gfortran || { apt-get update -q && apt-get install -y -q gfortran; }; } \
            >>"$log" 2>&1 && return
    fail "escnn needs a Fortran compiler. Next: install one (Debian: apt-get install gfortran), then run make again"
}

build() {
    empty_environment
    compiler
    # shellcheck disable=SC2086  # GEOMDL_TORCH may hold options too, such as an index
    pip $torch || no_torch
    # The torch that is there stays there, whatever a dependency would rather have.
    $home/bin/python -c 'import importlib.metadata as m; print("torch==" + m.version("torch"))' >$home/constraints.txt
    # escnn and kymatio use what SciPy 1.17 and scikit-learn 1.6 dropped.
    pip -c $home/constraints.txt -e '.[test]' 'tblite>=0.4' 'escnn==1.0.11' 'kymatio==0.3.0' 'scipy<1.17' 'scikit-learn<1.6' \
        einops opt-einsum tqdm || no_dependency
    # curvlinops and what it stands on, but torchvision: that is not used, and another build than this
    # torch's does not load.
    pip --no-deps 'curvlinops-for-pytorch==3.0.1' backpack-for-pytorch unfoldNd einconv linear_operator || no_dependency
    echo "$stamp" >$home/stamp
    echo "peers: done (log: $log)"
}

stamp=$(wanted)
[ "$(cat $home/stamp 2>/dev/null)" = "$stamp" ] || build

[ $# -gt 0 ] || set -- tests/peers
MPLBACKEND=agg OMP_NUM_THREADS=1 exec $home/bin/python -m pytest -n 2 -m peers "$@"
