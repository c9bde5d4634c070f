# What setup.sh and peers.sh share: how an environment is made and filled. Sourced, after `what` (the
# name in messages), `home` (the folder) and `inputs` (the files that decide) are set.
#
#   PYTHON        the interpreter to build on (python3); at least 3.11
#   GEOMDL_TORCH  what pip is asked for instead of the pinned torch, e.g. "torch==2.14.1"

fail() {
    printf '\n%s failed: %s\n' "$what" "$1" >&2
    exit 1
}

python=${PYTHON:-python3}
torch=${GEOMDL_TORCH:-$(grep '^torch==' constraints.txt)}
version='import sys; print(sys.version)'
log=$home/install.log

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python is not Python 3.11 or newer. Next: name one that is, as in  make PYTHON=python3.12"

wanted() { # a hash of all that the environment hangs on
    # shellcheck disable=SC2086  # inputs is a list
    "$python" -c '
import hashlib, pathlib, sys
files = [pathlib.Path(name).read_bytes() for name in sys.argv[2:]]
said = [text.encode() for text in (sys.version, sys.argv[1])]
print(hashlib.sha256(b"\0".join(files + said)).hexdigest())' "$torch" $inputs
}

empty_environment() { # made anew if its Python is another
    echo "$what: installing into $home. The first time takes some minutes: PyTorch is large."
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
}

pip() {
    code=0
    $home/bin/python -m pip install --disable-pip-version-check --log "$log" "$@" || code=$?
    grep -vE ' (Found|Skipping) link' "$log" >"$log.short" && mv "$log.short" "$log" # 99 % of it
    return $code
}

no_torch() {
    fail "PyTorch did not install (log: $log). Next: check the network, or name another build in GEOMDL_TORCH, then run make again"
}

no_dependency() {
    fail "a dependency did not install (log: $log). Next: check the network, then run make again"
}
