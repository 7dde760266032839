#!/bin/sh
# Makes a Debian 13 (trixie) root file system with PostgreSQL 17 and TimescaleDB (Apache edition), for `chroot` to run
# private servers in. Usage, as root on a Debian-like machine: rootfs.sh DIR
#
# DIR appears complete or not at all: the work is done in a directory beside it and renamed at the end. Makers that run
# at the same time wait for one another; what a killed maker left behind is removed by the next one.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: $0 DIR" >&2
    exit 2
fi
dir=$1
mirror=http://deb.debian.org/debian
here=$(dirname "$0")

[ -d "$dir" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "$0: needs root, since it makes device files and runs chroot" >&2
    exit 1
fi

mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
# Another maker may have finished while this one waited.
[ -d "$dir" ] && exit 0

"$here/setup.sh" mmdebstrap debian-archive-keyring >&2

for leftover in "$dir".part.*; do
    [ -d "$leftover" ] && rm -rf --one-file-system "$leftover"
done
part=$dir.part.$$
echo "making $dir: Debian trixie with postgresql-17 and postgresql-17-timescaledb, about 530 MB, a minute or less" >&2
mmdebstrap --quiet --variant=minbase --include=postgresql-17,postgresql-17-timescaledb trixie "$part" "$mirror" >&2
[ -e "$part/usr/lib/postgresql/17/bin/pgbench" ]
mkdir -p "$part/srv/trunkline"
mv -T "$part" "$dir"
