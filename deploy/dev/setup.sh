#!/bin/sh
# Installs the Debian packages among its arguments that are missing; without arguments, what building and testing needs.
# It says what it installs, and does nothing where all is there.
set -eu

[ $# -gt 0 ] || set -- gcc libc6-dev make mmdebstrap debian-archive-keyring

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "$0: no Debian-like machine, nothing installed; needed: $*" >&2
    exit 0
fi

missing=
for package in "$@"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "$0: missing packages, install them as root: apt-get install$missing" >&2
    exit 1
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 -qq update
# $missing is a list of package names, split on purpose.
# shellcheck disable=SC2086
apt-get -o DPkg::Lock::Timeout=300 -qq install --yes --no-install-recommends $missing >/dev/null
