#!/bin/sh
# What can be said about the code without running it: format, clippy without warnings, the console's types and style, shell syntax, licences
# and sources of dependencies.
set -eu
cd "$(dirname "$0")/../.."

cargo fmt --all --check
cargo clippy --workspace --all-targets --quiet -- -D warnings
if [ -d dashboards/console/node_modules ]; then
    npm --prefix dashboards/console run --silent check
fi
for script in deploy/dev/*.sh tests/harness/src/*.sh; do
    sh -n "$script"
done
if command -v cargo-deny >/dev/null; then
    cargo deny --workspace check
else
    echo "cargo-deny isn't installed: deny.toml was not checked" >&2
fi
