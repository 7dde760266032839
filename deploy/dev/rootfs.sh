#!/bin/sh
# Makes a Debian 13 (trixie) root file system for `chroot` to run private servers in: PostgreSQL 17 with TimescaleDB
# (Apache edition), locales for all its languages, Patroni with etcd. Usage, as root on a Debian-like machine: rootfs.sh DIR
# With `18` as a second argument: of Debian's unstable suite, PostgreSQL 18 and a newer TimescaleDB, and nothing else. With `15`: of Debian 12
# (bookworm), PostgreSQL 15 and trixie's TimescaleDB built from source against it, since bookworm has none.
#
# DIR appears complete or not at all: the work is done in a directory beside it and renamed at the end. Makers that run
# at the same time wait for one another; what a killed maker left behind is removed by the next one.
set -eu

dir=$1
version=${2:-17}
case $#/$version in
1/17 | 2/15 | 2/18) ;;
*)
    echo "usage: $0 DIR [15 | 18]" >&2
    exit 2
    ;;
esac
mirror=http://deb.debian.org/debian
here=$(dirname "$0")

# python3-pythonjsonlogger is what Patroni writes JSON with, python3-etcd what it talks to etcd with.
packages=postgresql-17,postgresql-17-timescaledb
packages=$packages,patroni,python3-etcd,python3-pythonjsonlogger,etcd-server

# One for each language that PostgreSQL 17 is translated to, and some in the encodings of old clusters.
locales="de_DE/UTF-8 es_ES/UTF-8 fr_FR/UTF-8 id_ID/UTF-8 it_IT/UTF-8 ja_JP/UTF-8 ka_GE/UTF-8 ko_KR/UTF-8 pl_PL/UTF-8
    pt_BR/UTF-8 ru_RU/UTF-8 sv_SE/UTF-8 tr_TR/UTF-8 uk_UA/UTF-8 zh_CN/UTF-8
    de_DE/ISO-8859-1 es_ES/ISO-8859-1 fr_FR/ISO-8859-1 ja_JP/EUC-JP ko_KR/EUC-KR pl_PL/ISO-8859-2 pt_BR/ISO-8859-1
    ru_RU/CP1251 ru_RU/KOI8-R tr_TR/ISO-8859-9 uk_UA/KOI8-U zh_CN/GB2312"

options='Acquire::Check-Valid-Until "true"'
hook=true
set -- "$mirror"
case $version in
15)
    suite=bookworm
    packages=postgresql-15,postgresql-server-dev-15,cmake,gcc,libc6-dev,libkrb5-dev,libssl-dev,make,xz-utils
    locales=
    set -- "deb $mirror bookworm main" "deb-src $mirror trixie main"
    # shellcheck disable=SC2016 # What mmdebstrap's hook is called with.
    hook='cd "$1/srv" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq source --download-only timescaledb
        chroot "$1" sh -ec "mkdir /srv/build && cd /srv/build && tar --extract --strip-components=1 --file=\$(ls /srv/timescaledb_*.orig.tar.xz)
            ./bootstrap -DAPACHE_ONLY=1 -DREGRESS_CHECKS=OFF -DWARNINGS_AS_ERRORS=OFF -DGENERATE_DOWNGRADE_SCRIPT=OFF
            make -C build -j \$(nproc) install && cd / && rm -r /srv/build /srv/timescaledb_*" >&2'
    ;;
18)
    suite=sid
    packages=postgresql-18,postgresql-18-timescaledb
    locales=
    # A mirror of it that is a few days old will do.
    options='Acquire::Check-Valid-Until "false"'
    ;;
*)
    suite=trixie
    ;;
esac

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
echo "making $dir: Debian $suite with $packages and locales, 300 to 600 MB, one to two minutes" >&2
# Nobody reads manuals there; of all translations only the server's own are wanted.
mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt="$options" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/bin/etcdutl' \
    --dpkgopt='path-exclude=/usr/share/locale/*/LC_MESSAGES/*' \
    --dpkgopt='path-include=/usr/share/locale/*/LC_MESSAGES/postgres-*.mo' \
    --dpkgopt='path-include=/usr/share/locale/*/LC_MESSAGES/plpgsql-*.mo' \
    --customize-hook="$hook" \
    "$suite" "$part" "$@" >&2
for locale in $locales; do
    echo "${locale%/*}" "${locale#*/}"
done | xargs -r -n 2 -P "$(nproc)" sh -c 'chroot "$0" localedef -i "$1" -f "$2" "$1.$2"' "$part" >&2
[ -e "$part/usr/lib/postgresql/$version/bin/pgbench" ]
[ -e "$part/usr/lib/postgresql/$version/lib/timescaledb.so" ]
[ -z "$locales" ] || [ -e "$part/usr/share/locale/es/LC_MESSAGES/postgres-$version.mo" ]
# Python's locks live there.
chmod 1777 "$part/dev/shm"
mkdir -p "$part/srv/trunkline"
mv -T "$part" "$dir"
