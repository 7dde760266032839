# Each target is one line into the workspace; what they do is written down where it lives.
.PHONY: setup console demo test bench lint plugins

export CHECK ONLY ROWS
PROFILE ?= release
built = $${CARGO_TARGET_DIR:-target}

# What a fresh Debian-like machine lacks. The private TimescaleDB is made when it is first needed, see deploy/dev.
setup:
	@deploy/dev/setup.sh

# The web console, which the ingester's build takes in where it is there.
console: setup
	@deploy/dev/console.sh

# A private TimescaleDB, a PostgreSQL under load, collector and ingester; until Ctrl-C, or with CHECK=1 until rows were seen.
demo: setup console
	@cargo build --profile $(PROFILE) --workspace --bins && $(built)/$(PROFILE:dev=debug)/trunkline-demo

# Everything that CI runs.
test: lint
	cargo build --workspace --all-targets
	@$(MAKE) --no-print-directory demo-check
	TRUNKLINE_BUILT=1 cargo test --workspace --no-fail-fast

# Figures as JSON lines on standard output; ONLY=prefix and ROWS=n.
bench: setup console
	@cargo build --release --workspace --lib --bins >&2 && $(built)/release/trunkline-bench

# The two plugins for Fluent Bit, as files of the names that its configuration is to have.
plugins: setup
	@cargo build --release --package trunkline-fluent-bit-in --package trunkline-fluent-bit-out >&2
	@cp $(built)/release/libtrunkline_in.so $(built)/release/trunkline_in.so && cp $(built)/release/libtrunkline_out.so $(built)/release/trunkline_out.so
	@ls -l $(built)/release/trunkline_in.so $(built)/release/trunkline_out.so

lint: setup console
	@deploy/dev/lint.sh

# The demonstration with the binaries that the tests use: an optimised build would double what CI waits for.
.PHONY: demo-check
demo-check:
	@$(MAKE) --no-print-directory demo CHECK=1 PROFILE=dev
