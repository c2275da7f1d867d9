# The one list of chores. `make help` prints it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

NODE_DIR := $(CURDIR)/.tools/node_modules/.bin
export PATH := $(NODE_DIR):$(PATH)
WEB := services/dashboard
# What sigma-media-worker links and what it decodes and encodes with.
GSTREAMER_PACKAGES := libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev \
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav
# librdkafka is built by its own configure, against Debian's OpenSSL and zlib.
RUN_PACKAGES := build-essential ffmpeg pkg-config libssl-dev zlib1g-dev $(GSTREAMER_PACKAGES)
TEST_PACKAGES := $(RUN_PACKAGES) chromium python3-venv glib-networking valgrind postgresql gstreamer1.0-tools gstreamer1.0-plugins-ugly
# Killing at a system call, and setting a clock for one program.
ACCEPTANCE_PACKAGES := strace faketime e2fsprogs

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- what a fresh machine lacks -----------------------------------------------------------------------------------

BENCH_PACKAGES := $(RUN_PACKAGES) nginx libnginx-mod-rtmp postgresql

.PHONY: packages test-packages bench-packages node
packages:
	@tests/setup/packages $(RUN_PACKAGES)

test-packages:
	@tests/setup/packages $(TEST_PACKAGES)

bench-packages:
	@tests/setup/packages $(BENCH_PACKAGES)

node:
	@tests/setup/node .tools

# A newer ffmpeg than Debian's, for enhanced RTMP; it comes inside a Python package.
.tools/ffmpeg-new: tests/setup/ffmpeg-new
	@$(MAKE) --no-print-directory test-packages
	@tests/setup/ffmpeg-new .tools

# Apache Kafka itself, by Maven.
.tools/kafka/version: tests/setup/kafka
	@tests/setup/kafka .tools
	@touch $@

# GraphQL's client libraries for Node and Python, which the tests talk to the API with.
.tools/clients: tests/setup/clients tests/clients/package-lock.json
	@$(MAKE) --no-print-directory test-packages node
	@tests/setup/clients .tools

# --- building -----------------------------------------------------------------------------------------------------

.PHONY: web build run
web: $(WEB)/dist/.built ## the pages, bundled into services/dashboard/dist

$(WEB)/dist/.built: $(WEB)/package-lock.json $(shell find $(WEB)/src $(WEB)/public -type f 2>/dev/null) $(wildcard $(WEB)/*.html $(WEB)/*.ts $(WEB)/*.mjs $(WEB)/*.json) schema/graphql/schema.graphql
	@$(MAKE) --no-print-directory node
	cd $(WEB) && npm ci --no-audit --no-fund && npm run build
	@touch $@

build: packages web ## release binary at target/release/sigma, and beside it sigma-media-worker, which makes pictures
	cargo build --release --locked --bin sigma --bin sigma-media-worker

run: build ## the whole platform with a demonstration broadcast; Ctrl-C stops it
	@exec target/release/sigma demo

.PHONY: run-distributed
run-distributed: build .tools/kafka/version ## the same on several nodes: PostgreSQL, three nodes of Kafka, two API nodes, a media node, one for the rest
	@$(MAKE) --no-print-directory test-packages
	cargo build --release --locked --bin sigma-distributed
	@exec target/release/sigma-distributed

# --- proving ------------------------------------------------------------------------------------------------------

.PHONY: test test-rust test-web test-count test-dashboard lint fmt acceptance
test: test-packages web test-web test-rust test-count test-dashboard ## every test, long ones in their short form

test-web:
	cd $(WEB) && npm run check && npm test

test-rust: export SIGMA_TEST_FFMPEG_NEW = $(CURDIR)/.tools/ffmpeg-new
test-rust: export SIGMA_TEST_PYTHON = $(CURDIR)/.tools/python/bin/python
test-rust: .tools/ffmpeg-new .tools/clients .tools/kafka/version
	cargo build --locked --bin sigma --bin sigma-media-worker
	cargo test --locked --workspace

# Instructions of the live path's small works, under valgrind, against tests/micro/baseline.json: ± 5 %.
COUNT = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/debug/sigma-count
test-count: test-packages
	cargo build --locked --bin sigma-count
	$(COUNT) check tests/micro/baseline.json

.PHONY: count-renew
count-renew: test-packages ## writes tests/micro/baseline.json anew, after a change that was meant
	cargo build --locked --bin sigma-count
	$(COUNT) renew tests/micro/baseline.json

# The dashboard before the real binary, with a real encoder in a real browser.
test-dashboard: export SIGMA_BINARY = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/debug/sigma
test-dashboard: web
	cargo build --locked --bin sigma
	cd $(WEB) && npm run test:real

lint: web ## formatting, clippy, rustdoc, licences and bans
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check bans licenses sources; \
	 else echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; fi

fmt: ## formats the Rust code
	cargo fmt --all

.PHONY: fuzz
fuzz: packages web ## every fuzz target, FUZZ_SECONDS=600 each (TARGET=name for one); totals go into docs/fuzzing.md
	fuzz/run $(TARGET)

acceptance: test-packages build ## the long proofs; figures go into docs/acceptance.md (PIECE=name for one)
	@tests/setup/packages $(ACCEPTANCE_PACKAGES)
	tests/acceptance/run $(PIECE)

# --- measuring ----------------------------------------------------------------------------------------------------

.PHONY: bench bench-quick
BENCH = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/release/sigma-bench
bench: bench-packages build .tools/kafka/version ## what the live path costs, nginx beside it; writes the table of docs/performance.md and README.md
	cargo build --release --locked --bin sigma-bench
	$(BENCH) --write $(BENCH_ARGS)

bench-quick: bench-packages build ## the same in under 3 minutes, written nowhere (BENCH_ARGS="--only requests" for a part)
	cargo build --release --locked --bin sigma-bench
	$(BENCH) --quick $(BENCH_ARGS)
