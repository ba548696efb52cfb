#!/bin/sh
# Make .venv: everything in the locks, each file checked by its hash, and the project itself. Needs Python 3.11+, no root.
# Usage: tools/bootstrap.sh [PYTHON]
set -eu

python=${1:-python3}
log=.venv/bootstrap.log

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Put pip into .venv, by the first way that this machine has.
make_venv() {
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv .venv
    else
        "$python" -m venv --without-pip .venv
    fi
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        pip=".venv/bin/python -m pip"
    elif "$python" -m pip --python .venv/bin/python --version >/dev/null 2>&1; then
        pip="$python -m pip --python .venv/bin/python"
    elif fetch_debian_pip; then
        pip=".venv/bin/python $(echo .venv/debian/usr/share/python-wheels/pip-*.whl)/pip"
    else
        fail "This Python has no pip: install it once with 'apt install python3-venv' (as root), then run make again."
    fi
}

# Debian splits pip off Python; apt can download it without root (package lists of our own, where the machine has none).
fetch_debian_pip() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    say "  pip: this Python has none, asking apt for it (unpacked into .venv, nothing is installed)"
    mkdir -p .venv/debian/lists/partial
    (
        cd .venv/debian
        apt-get -q download python3-pip-whl >apt.log 2>&1 || {
            own="-o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD -o Debug::NoLocking=1"
            apt-get -q $own update >>apt.log 2>&1 && apt-get -q $own download python3-pip-whl >>apt.log 2>&1
        } && dpkg -x python3-pip-whl_*.deb . && rm -rf lists ./*.bin
    )
}

# install WORDS ARGUMENT...: pip, quiet; its words only when it fails
install() {
    say "  $1"
    shift
    $pip install --disable-pip-version-check --no-input --progress-bar off "$@" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "pip could not install the project's packages (all it said is in $log)."
    }
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Fieldrec needs Python 3.11 or later; $python is older."
say "Setting up .venv (once, about a minute)"
make_venv
packages=$(grep -c == requirements.lock)
install "$packages packages from requirements.lock" --require-hashes --no-deps -r requirements.lock
install "MicroPython's types from typings.lock" --require-hashes --no-deps --target .venv/typings -r typings.lock
install "and those of the rig from typings-rp2.lock" --require-hashes --no-deps --target .venv/typings-rp2 -r typings-rp2.lock
install "fieldrec itself" --no-index --no-deps --no-build-isolation -e .
touch .venv/ready
say "  done"
