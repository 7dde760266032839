#!/bin/sh
# Builds the web console into dashboards/console/dist, where the ingester's build finds it; does nothing where nothing of it has changed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../dashboards/console"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    "$here/setup.sh" nodejs npm
fi
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "$0: no Node.js: the ingester is built without its console" >&2
    exit 0
fi

# One line for each file, so that what was removed counts too.
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1; }

packages=$(hash_of package.json package-lock.json)
if [ "$(cat node_modules/.trunkline 2>/dev/null)" != "$packages" ]; then
    cache=${TRUNKLINE_CACHE_DIR:-}
    [ -n "$cache" ] || { [ "$(id -u)" -eq 0 ] && cache=/var/cache/trunkline; } || cache=${XDG_CACHE_HOME:-$HOME/.cache}/trunkline
    # The registry is whichever npm is set up for; what comes from it is checked by the lock file. No package may run anything.
    npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel error --cache "$cache/npm" >&2
    echo "$packages" >node_modules/.trunkline
fi

sources=$(hash_of package-lock.json index.html ./*.ts ./*.js src public)
[ "$(cat dist/.built 2>/dev/null)" != "$sources" ] || exit 0
npm run --silent build -- --logLevel warn >&2
echo "$sources" >dist/.built
