# Creneau's targets. `make` alone lists them. GNU make 4.3 or newer.

CRENEAU_CACHE ?= $(HOME)/.cache/creneau
export CRENEAU_CACHE

# --locked: Cargo.lock is part of the source. While changing dependencies: make ... LOCKED=
LOCKED ?= --locked
ARGS ?=
BENCH_ARGS ?=
# Of `make simulate`: each seed is a month. One seed again: SEED=n, with TRACE=FILE what was said.
SEEDS ?= $(if $(SEED),1,12)
SEED ?=
TRACE ?=
MINUTES ?= 60
LENGTH ?= 5
# Of `make shuttle`: schedules of each model. BUG=NAME plants a bug, which it must find.
ITERATIONS ?= 100000
BUG ?=
TARGET ?= request
# Of `make crashes`. About 2 seconds each; a hung sync takes 15, a flipped byte half a one.
KILLS ?= 100
POWER ?= 100
SYNCS ?= 20
FULL ?= 20
HUNG ?= 2
FLIPS ?= 100

# What stands on Linux alone, for the checks: the file system of the crash campaign. It goes with
# the whole workspace, because its crates change features that others are built with.
faults = $(if $(filter Linux,$(shell uname -s)),--features creneau-loadgen/faults)

# Sourced first in every recipe: the compiler, libclang and the target directory, which lies outside
# the checkout so that a fresh clone does not compile RocksDB again.
env = . "$(CRENEAU_CACHE)/env.sh" &&

# Builds with other RUSTFLAGS get a target directory of their own: in the main one a change of
# flags would compile RocksDB again. They are built for a few runs, not to be fast: without LTO.
quick = CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
loom = RUSTFLAGS="--cfg creneau_loom" CARGO_TARGET_DIR="$$CARGO_TARGET_DIR/loom" $(quick)
shuttle = RUSTFLAGS="--cfg creneau_shuttle" CARGO_TARGET_DIR="$$CARGO_TARGET_DIR/shuttle" $(quick)
sim = RUSTFLAGS="--cfg tokio_unstable" CARGO_TARGET_DIR="$$CARGO_TARGET_DIR/sim" $(quick)
run-simulate = cargo run --release -p creneau --no-default-features --features testing $(LOCKED) --example simulate --
fuzz = CARGO_TARGET_DIR="$$CARGO_TARGET_DIR/fuzz"
# What cargo-fuzz passes, less what only nightly has: no sanitizer, and the libraries of stable.
fuzzer = CARGO_TARGET_DIR="$$CARGO_TARGET_DIR/fuzzer" $(quick) RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions"

# $(call step,NAME,COMMAND): says the time since make started, the name and the command; runs it.
# No comma and no single quote in a command.
START := $(shell date +%s)
clock = t=$$(( $$(date +%s) - $(START) )); printf '[%d:%02d] ' $$((t / 60)) $$((t % 60))
step = @$(env) { $(clock); printf '%s: %s\n' '$(1)' '$(2)'; $(2) || { rc=$$?; $(clock); echo '$(1): FAILED'; exit $$rc; }; }

.DEFAULT_GOAL := help
# The steps of `test` run in their order; cargo has its own parallelism, and its own jobserver.
.NOTPARALLEL:
unexport MAKEFLAGS MFLAGS

.PHONY: help setup demo build test bench bench-peers bench-parts simulate soak small-worlds shuttle crashes overload hostile fuzz planted mutants \
	schemathesis calendar-files compare-wrk lint doc fmt clippy test-core test-all doc-check test-loom test-shuttle test-sim test-fuzz \
	test-bench

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## Find or fetch what the build needs. Every target does this first.
	@.ci/setup

demo: setup ## Build and start the demonstration. ARGS="..." goes to it.
	@$(env) exec cargo run --release -p creneau-server --bin creneau $(LOCKED) -- demo $(ARGS)

build: setup ## Build the server.
	@$(env) cargo build --release -p creneau-server --bin creneau $(LOCKED)
	@$(env) echo "$$CARGO_TARGET_DIR/release/creneau"

test: setup fmt clippy test-core test-all doc-check test-loom test-shuttle test-sim test-fuzz test-bench ## All checks, in order, up to the first that fails.
	@$(clock); echo 'test: passed'

bench: setup ## Ours against the machine, as ratios, in half an hour. BENCH_ARGS="--only http_holds --seconds 3".
	@$(env) cargo run --release -p creneau-benches --bin ratios $(LOCKED) -- $(BENCH_ARGS)

bench-peers: setup ## PostgreSQL and Redis doing the same job, installed where they are not there.
	@.ci/peers
	@$(env) cargo run --release -p creneau-benches --bin ratios $(LOCKED) -- --peers $(BENCH_ARGS)

bench-parts: setup ## Measure single parts with criterion. BENCH_ARGS="..." goes to cargo bench.
	@$(env) cargo bench -p creneau-benches $(LOCKED) $(BENCH_ARGS)

simulate: setup ## Simulate SEEDS=12 months, or the month of one seed again: SEED=n TRACE=FILE.
	@$(env) $(sim) $(run-simulate) --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(TRACE),--trace "$(TRACE)") $(ARGS)

soak: setup ## Simulate months under fresh seeds for MINUTES=60, and add to the counter in docs/testing.md.
	@$(env) $(sim) $(run-simulate) --quiet --minutes $(MINUTES) --add-to docs/testing.md $(ARGS)

schemathesis: setup ## Ten minutes of made-up requests over the OpenAPI document, or SECONDS=n.
	@$(env) cargo build -p creneau-server --bin creneau $(LOCKED)
	@$(env) .ci/schemathesis/run "$$CARGO_TARGET_DIR/debug/creneau" $(or $(SECONDS),600)

calendar-files: setup ## Have two readers of RFC 5545 read the calendar files; needs python3, node and npm.
	@$(env) .ci/calendar-files/run --workspace --features creneau-loadgen/faults $(LOCKED)

compare-wrk: setup ## Hold the load generator against wrk, which must be installed. ROUNDS=5.
	@$(env) cargo build --release -p creneau-server -p creneau-loadgen $(LOCKED)
	@$(env) BIN="$$CARGO_TARGET_DIR/release" loadgen/compare-wrk.sh

small-worlds: setup ## Search small worlds exhaustively, up to LENGTH=5 acts.
	@$(env) $(sim) CRENEAU_SMALL_WORLDS=$(LENGTH) cargo test -p creneau --no-default-features --features testing --release $(LOCKED) --test small_worlds -- --nocapture longer chosen

shuttle: setup ## Interleavings around the actor under fresh schedules: ITERATIONS=100000 for each model, SEED=, BUG=.
	@$(env) seed=$(or $(SEED),$$(date +%s)); echo "SEED=$$seed"; $(shuttle) $(if $(BUG),CRENEAU_PLANTED=$(BUG)) CRENEAU_SEED=$$seed CRENEAU_SCHEDULES=$(ITERATIONS) cargo test -p creneau --no-default-features $(if $(BUG),--features planted) --lib --release $(LOCKED) shuttle_ $(ARGS)

crashes: setup ## Crash a release server: KILLS= POWER= SYNCS= FULL= HUNG= FLIPS= SEED= ARGS="--dir ... --keep-going". Needs FUSE and root.
	@$(env) cargo build --release --workspace $(faults) $(LOCKED) --bin creneau --bin creneau-crash
	@$(env) exec "$$CARGO_TARGET_DIR/release/creneau-crash" --kills $(KILLS) --power-losses $(POWER) --failed-syncs $(SYNCS) --full-disks $(FULL) --hung-syncs $(HUNG) --flipped-bytes $(FLIPS) $(if $(SEED),--seed $(SEED)) $(ARGS)

overload: setup ## Find what a release server carries, and let ten times that come for MINUTES=5. ARGS="--factor 20 --json FILE".
	@$(env) cargo build --release --workspace $(faults) $(LOCKED) --bin creneau --bin creneau-loadgen
	@$(env) exec "$$CARGO_TARGET_DIR/release/creneau-loadgen" overload loadgen/scenarios/overload.toml --minutes $(if $(filter command% environment%,$(origin MINUTES)),$(MINUTES),5) $(ARGS)

hostile: setup ## Hostile clients against a release server, with live patients beside them. ARGS="--frames 1000000".
	@$(env) cargo build --release --workspace $(faults) $(LOCKED) --bin creneau --bin creneau-loadgen
	@$(env) exec "$$CARGO_TARGET_DIR/release/creneau-loadgen" hostile loadgen/scenarios/hostile.toml $(ARGS)

fuzz: setup ## Run a fuzz target on stable: TARGET=request SECONDS=60. What is of interest is kept in fuzz/corpus.
	@$(env) $(fuzzer) cargo build --release --manifest-path fuzz/Cargo.toml --features libfuzzer $(LOCKED) --bin $(TARGET)
	@$(env) found=$$(mktemp -d) && fuzzer="$$CARGO_TARGET_DIR/fuzzer/release/$(TARGET)" && mkdir -p fuzz/corpus/$(TARGET) fuzz/artifacts \
		&& "$$fuzzer" -max_total_time=$(or $(SECONDS),60) -timeout=20 -max_len=4096 -artifact_prefix=fuzz/artifacts/ -print_final_stats=1 $(ARGS) "$$found" fuzz/corpus/$(TARGET) fuzz/seeds/$(TARGET) \
		&& kept=$$(mktemp -d) && "$$fuzzer" -merge=1 "$$kept" fuzz/corpus/$(TARGET) "$$found" \
		&& rm -r fuzz/corpus/$(TARGET) "$$found" && mv "$$kept" fuzz/corpus/$(TARGET) && chmod 755 fuzz/corpus/$(TARGET)

lint: fmt clippy ## Formatting and clippy.

planted: setup ## Plant each known bug in turn and see it caught. ARGS="--bug HalfMove" for one.
	@$(env) cargo run -p creneau --no-default-features --features planted $(LOCKED) --example planted -- $(ARGS)

# cargo-mutants is not installed by `setup`: cargo install --locked cargo-mutants@27.1.0. It writes
# what it finds beside the builds. What it tests with is what needs no RocksDB and no more than seconds.
mutants: setup ## Change the pure core and the journal in each small way, and see which no test notices. Takes hours. ARGS="--list", "--shard 0/8", "-F Grid".
	@$(env) mkdir -p "$$CARGO_TARGET_DIR/mutants" && cargo mutants -p creneau -f "engine/src/booking/*.rs" -f "engine/src/journal/*.rs" -e engine/src/journal/conformance.rs --no-default-features --features testing $(LOCKED:%=--cargo-arg=%) --output "$$CARGO_TARGET_DIR/mutants" $(ARGS) -- --lib --test integration

doc: setup ## Build the documentation of the code.
	@$(env) cargo doc --workspace --no-deps $(LOCKED)
	@$(env) echo "$$CARGO_TARGET_DIR/doc/creneau/index.html"

# The steps of `test`; each can be run alone.

fmt: setup ## Step of test: formatting.
	$(call step,fmt,cargo fmt --all --check)

clippy: setup ## Step of test: clippy.
	$(call step,clippy,cargo clippy --workspace $(faults) --all-targets $(LOCKED) -- -D warnings)

test-core: setup ## Step of test: the engine without RocksDB.
	$(call step,test-core,cargo test -p creneau --no-default-features --features testing $(LOCKED) --lib --test integration)

test-all: setup ## Step of test: all packages.
	$(call step,test-all,cargo test --workspace $(faults) $(LOCKED))

doc-check: setup ## Step of test: the documentation builds without a warning.
	$(call step,doc-check,RUSTDOCFLAGS="-D warnings" cargo doc --workspace $(faults) --no-deps $(LOCKED))

test-loom: setup ## Step of test: interleavings, exhaustively.
	$(call step,test-loom,$(loom) cargo test -p creneau --no-default-features --lib --release $(LOCKED) loom_)

test-shuttle: setup ## Step of test: interleavings around the actor, sampled.
	$(call step,test-shuttle,$(shuttle) cargo test -p creneau --no-default-features --lib --release $(LOCKED) shuttle_)

test-sim: setup ## Step of test: some simulations, and all small worlds.
	$(call step,test-sim,$(sim) cargo test -p creneau --no-default-features --features testing --release $(LOCKED) --test simulation --test small_worlds)

test-fuzz: setup ## Step of test: the fuzz targets, on a few inputs.
	$(call step,test-fuzz,$(fuzz) cargo test --manifest-path fuzz/Cargo.toml $(LOCKED))

test-bench: setup ## Step of test: each benchmark, and the table of ratios, once.
	$(call step,test-bench,cargo bench -p creneau-benches $(LOCKED) -- --test)
