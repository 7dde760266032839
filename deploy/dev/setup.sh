#!/bin/sh
# Installs the Debian packages among its arguments that are missing; without arguments, what building needs.
# It says what it installs, and does nothing where all is there.
set -eu

if [ $# -eq 0 ]; then
    if ! command -v cargo >/dev/null; then
        echo "$0: cargo is missing: install Rust by rustup (https://rustup.rs); rust-toolchain.toml names the version" >&2
        exit 1
    fi
    # zstd is C.
    command -v cc >/dev/null && exit 0
    set -- gcc libc6-dev
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "$0: no Debian-like machine, nothing installed; needed: $*" >&2
    exit 0
fi

list_missing() {
    missing=
    for package in "$@"; do
        status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || missing="$missing $package"
    done
}

list_missing "$@"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "$0: missing packages, install them as root: apt-get install$missing" >&2
    exit 1
fi
# One at a time: apt locks what it installs, but several download to the same files, and who is first removes them.
exec 9>/run/lock/trunkline-setup
flock 9
list_missing "$@"
[ -n "$missing" ] || exit 0
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 -qq update 9>&-
# $missing is a list of package names, split on purpose.
# shellcheck disable=SC2086
apt-get -o DPkg::Lock::Timeout=300 -qq install --yes --no-install-recommends $missing >/dev/null 9>&-
