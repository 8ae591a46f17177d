#!/usr/bin/env bash
# Makes this folder ready to run: .venv with all packages and, on Debian and Ubuntu, the
# system libraries of Qt and OpenGL. Interrupted at any point, the next call goes on.
#
# usage: scripts/setup.sh [display] [virtual]
#   display   windows will be opened: check Qt's and OpenGL's libraries
#   virtual   there may be no screen: check Xvfb, too
set -euo pipefail
cd "$(dirname "$0")/.."

OLDEST=3.11
STAMP=.venv/.ready

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# --- system packages (Linux only) ------------------------------------------------------

# library or command that must be there = Debian package that brings it
DISPLAY_NEEDS="
libEGL.so.1=libegl1 libGL.so.1=libgl1 libGLX_mesa.so.0=libglx-mesa0
libxkbcommon-x11.so.0=libxkbcommon-x11-0 libxkbcommon.so.0=libxkbcommon0
libdbus-1.so.3=libdbus-1-3 libfontconfig.so.1=libfontconfig1 libglib-2.0.so.0=libglib2.0-0
libX11-xcb.so.1=libx11-xcb1 libxcb-cursor.so.0=libxcb-cursor0 libxcb-icccm.so.4=libxcb-icccm4
libxcb-image.so.0=libxcb-image0 libxcb-keysyms.so.1=libxcb-keysyms1
libxcb-randr.so.0=libxcb-randr0 libxcb-render-util.so.0=libxcb-render-util0
libxcb-shape.so.0=libxcb-shape0 libxcb-shm.so.0=libxcb-shm0 libxcb-sync.so.1=libxcb-sync1
libxcb-xfixes.so.0=libxcb-xfixes0 libxcb-xkb.so.1=libxcb-xkb1"
VIRTUAL_NEEDS="Xvfb=xvfb xvfb-run=xvfb xauth=xauth"

is_there() {
    case $1 in
        *.so.*) grep -q "^[[:space:]]*$1 " <<<"$LIBRARIES" ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing_packages() { # words "need=package" -> packages that are not there
    local pair
    for pair in "$@"; do
        is_there "${pair%%=*}" || printf '%s\n' "${pair#*=}"
    done | sort -u | tr '\n' ' '
}

install_packages() {
    local root=""
    [ "$(id -u)" -eq 0 ] || root="sudo -n"
    if ! command -v apt-get >/dev/null; then
        fail "These are missing (Debian's names): $*. Install what your system calls them, then try again."
    fi
    if [ -n "$root" ] && ! sudo -n true 2>/dev/null; then
        fail "System packages are missing. Install them, then try again:" \
            "  sudo apt-get install $*"
    fi
    say "Installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086,SC2048
    { $root apt-get update -qq && $root apt-get install -y -qq --no-install-recommends $*; } \
        </dev/null >/dev/null ||
        fail "apt-get could not install them. Install them yourself, then try again:" \
            "  sudo apt-get install $*"
}

check_system() {
    [ "$(uname)" = Linux ] || return 0
    local needs="" missing
    case " $* " in *" display "*) needs="$needs $DISPLAY_NEEDS" ;; esac
    if [ -z "${DISPLAY:-}" ]; then
        case " $* " in *" virtual "*) needs="$needs $VIRTUAL_NEEDS" ;; esac
    fi
    [ -n "$needs" ] || return 0
    LIBRARIES=$( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null)
    # shellcheck disable=SC2086
    missing=$(missing_packages $needs)
    # shellcheck disable=SC2086
    [ -z "$missing" ] || install_packages $missing
}

# --- Python ----------------------------------------------------------------------------

is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < (${OLDEST/./, }))" 2>/dev/null
}

can_make_venv() { "$1" -c 'import venv, ensurepip' 2>/dev/null; }

find_python() {
    local name
    for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.14 python; do
        if command -v "$name" >/dev/null && is_new_enough "$name" && can_make_venv "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

get_python() {
    find_python && return
    # Debian splits venv off from Python, and a bare system has neither.
    if command -v apt-get >/dev/null && { ! command -v python3 >/dev/null || is_new_enough python3; }; then
        install_packages python3 python3-venv >&2
        find_python && return
    fi
    fail "Python $OLDEST or newer with its venv module is needed; the one here is" \
        "  $(python3 --version 2>&1 || true). Install one, or name it: PYTHON=/path/to/python make ..."
}

# What the installation depends on; an editable one also on where it stands.
fingerprint() {
    { pwd; cat pyproject.toml constraints.txt hatch_build.py napari.yaml; } | cksum
}

install_python_packages() {
    local python
    if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && [ -x .venv/bin/python ]; then
        return
    fi
    rm -f "$STAMP"
    if ! { [ -x .venv/bin/python ] && is_new_enough .venv/bin/python &&
        .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
        python=$(get_python)
        say "Making a virtual environment in .venv with $python"
        "$python" -m venv --clear .venv
    fi
    say "Installing Python packages into .venv (some minutes the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --editable '.[test]' </dev/null ||
        fail "pip could not install the packages; its message is above. Try again when that is put right."
    fingerprint >"$STAMP"
}

check_system "$@"
install_python_packages
