# One command a job. Every cargo call goes through tools/cargo.sh, and every one uses the release profile, so that
# dependencies are compiled once for run, test, bench and lint.

CARGO := tools/cargo.sh
# Seconds that each fuzz target gets in `make fuzz-smoke`.
FUZZ_SECONDS ?= 20
# Handed to `sluice demo` by `make run`, e.g. make run ARGS="--cameras 16 --data /tmp/demo"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run web test test-browser test-rules loom lint fmt clippy tidy bench api-fuzz fuzz fuzz-smoke deny ci clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is lacking, build, and start the whole appliance on simulated cameras
	@tools/apt.sh run
	@tools/web.sh
	$(CARGO) run --release --locked --bin sluice -- demo $(ARGS)

web: ## The console, where its sources changed (part of `make run` and `make test`)
	@tools/apt.sh run
	@tools/web.sh

test: test-rules loom ## Install what is lacking, build, and run every test
	@tools/web.sh
	@tools/test.sh

test-browser: ## All tests of the console in a real browser (a smoke of each is part of `make test`)
	@tools/apt.sh test
	@tools/web.sh
	@tools/browser.sh

test-rules: ## Alert rules against their tests
	@tools/apt.sh test
	tools/promtool.sh

loom: ## The hub's ring and wakers in every interleaving of two threads (part of `make test`)
	@tools/apt.sh test
	$(CARGO) test --release --locked -p media --features loom --test loom

lint: fmt clippy ## Formatting and clippy, warnings are errors

fmt:
	$(CARGO) fmt --all --check

clippy:
	@tools/apt.sh run
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

tidy: ## The style as a test: floors, file and function sizes, documented keys and metrics, links
	@tools/tidy.sh

bench: ## Fan-out, ingest and record, sessions, each beside its floor; results in bench-results (BENCH="fanout --readers 200" for one)
	@tools/apt.sh test
	@tools/bench.sh $(BENCH)

fuzz-smoke: ## Every parser on mutated seeds for FUZZ_SECONDS (default 20) each
	@tools/apt.sh run
	$(CARGO) run --release --locked -p fuzz-smoke -- --seconds $(FUZZ_SECONDS)

fuzz: ## One parser under libFuzzer, with a nightly toolchain: make fuzz TARGET=depacketize FUZZ_SECONDS=60
	@tools/fuzz.sh $(TARGET) $(FUZZ_SECONDS)

api-fuzz: ## Every call of the API with made-up and broken data, as each role of a demo (ROLES="operator" for one)
	@tools/apt.sh run
	@tools/schemathesis.sh $(ROLES)

deny: ## Licences, sources and banned crates
	@tools/deny.sh

ci: ## What .ci/run runs: lint, tidy, deny, a short fuzz, then every test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory tidy
	@$(MAKE) --no-print-directory deny
	@$(MAKE) --no-print-directory fuzz-smoke FUZZ_SECONDS=5
	@$(MAKE) --no-print-directory test

clean: ## Remove what builds left, but keep RocksDB's library
	$(CARGO) clean
