# Each target is one line into the workspace; what they do is written down where it lives.
.PHONY: setup demo test bench lint

export CHECK ONLY ROWS
release = $${CARGO_TARGET_DIR:-target}/release

# What a fresh Debian-like machine lacks. The private TimescaleDB is made when it is first needed, see deploy/dev.
setup:
	@deploy/dev/setup.sh

# A private TimescaleDB, a PostgreSQL under load, collector and ingester; until Ctrl-C, or with CHECK=1 until rows were seen.
demo: setup
	@cargo build --release --workspace --bins && $(release)/trunkline-demo

# Everything that CI runs.
test: lint demo-check
	cargo build --workspace --all-targets && TRUNKLINE_BUILT=1 cargo test --workspace --no-fail-fast

# Figures as JSON lines on standard output; ONLY=prefix and ROWS=n.
bench: setup
	@cargo build --release --workspace --bins >&2 && $(release)/trunkline-bench

lint: setup
	@deploy/dev/lint.sh

.PHONY: demo-check
demo-check:
	@$(MAKE) --no-print-directory demo CHECK=1
