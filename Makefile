# Works with GNU Make 3.81 (macOS) and later.

CARGO ?= cargo
# Where `make install` puts programs (bin/) and manual pages (share/man/man1/); cargo's own place.
PREFIX ?= $(or $(CARGO_INSTALL_ROOT),$(CARGO_HOME),$(HOME)/.cargo)
MANDIR ?= $(PREFIX)/share/man
# More arguments for the program, for example: make run ARGS="--http 127.0.0.1:4057"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test soak lint bench bench-parts bench-hook bench-hook-storm check-peers \
	openapi-check demo deny install uninstall screenshot

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Check for cargo and a C compiler; install a Redis or Valkey server if there is none
	@./deploy/setup.sh

run: setup ## Build, and run the daemon in the foreground
	$(CARGO) build --release
	$(CARGO) run --release --quiet --bin agentpulse -- serve $(ARGS)

# Tests start private servers of their own and leave every other Redis alone.
test: lint ## Check words, format and lints, run all tests; install a Chromium if there is none
	@./deploy/setup.sh tests
	$(CARGO) test --workspace

# The promises, and histories of the task queue, with the numbers that they name, in a release build, one at a time: what is
# measured is the daemon, not its neighbours. The crash points are of a debug build.
soak: setup ## Run the long forms of the promises (about an hour and a half)
	AGENTPULSE_TEST_LONG=1 $(CARGO) test --profile dist --workspace --test suite -- promises:: \
		tasks::history --test-threads 1 --nocapture
	AGENTPULSE_TEST_LONG=1 $(CARGO) test --profile dist --package agentpulse-queue --test model
	AGENTPULSE_TEST_LONG=1 $(CARGO) test --workspace --test suite -- p01_crash_points \
		--test-threads 1

# rustfmt and clippy are parts of a toolchain that one can lack.
lint: setup ## Check format, lints and words
	@./deploy/prose.sh
	@if $(CARGO) fmt --version >/dev/null 2>&1; then \
		echo "$(CARGO) fmt --all --check"; $(CARGO) fmt --all --check; \
	else echo "rustfmt is not installed: format not checked"; fi
	@if $(CARGO) clippy --version >/dev/null 2>&1; then \
		echo "$(CARGO) clippy --workspace --all-targets -- -D warnings"; \
		$(CARGO) clippy --workspace --all-targets -- -D warnings; \
	else echo "clippy is not installed: lints not checked"; fi
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

bench: setup ## Measure this machine with a build as it is installed
	$(CARGO) run --profile dist --quiet --bin agentpulse -- bench $(ARGS)

bench-parts: setup ## Measure each part of the way of an event by itself, with its allocations
	$(CARGO) bench --profile dist --package agentpulse --bench parts -- $(ARGS)

BENCH_PYTHON ?= $(CURDIR)/target/bench-python/bin/python3
export BENCH_PYTHON

bench-hook: setup ## Measure what a hook costs, beside /bin/true and a Python hook
	$(CARGO) build --profile dist
	@if test ! -x $(BENCH_PYTHON); then \
		python3 -m venv target/bench-python && target/bench-python/bin/pip install --quiet redis; \
	fi || echo "redis-py could not be installed: its row will be skipped"
	$(CARGO) bench --profile dist --package agentpulse-hook --bench hook

bench-hook-storm: setup ## Run 64 hooks at once for a minute: the slowest, and whether one is lost
	$(CARGO) build --profile dist
	$(CARGO) bench --profile dist --package agentpulse-hook --bench hook -- storm

CCUSAGE ?= $(CURDIR)/target/peers/node_modules/.bin/ccusage

check-peers: setup ## Count captured sessions by ccusage (npm) as well: tokens by day and model are equal
	@if test ! -x $(CCUSAGE); then npm install --silent --prefix target/peers ccusage@18.0.11; fi
	$(CARGO) build --workspace
	AGENTPULSE_CCUSAGE=$(CCUSAGE) $(CARGO) test --workspace --test suite -- --ignored --nocapture \
		claude_code::peers

SCHEMATHESIS ?= $(CURDIR)/target/openapi-python/bin/schemathesis

openapi-check: setup ## Compare a daemon with its OpenAPI document by schemathesis
	$(CARGO) build
	@if test ! -x $(SCHEMATHESIS); then \
		python3 -m venv target/openapi-python && \
		target/openapi-python/bin/pip install --quiet schemathesis; \
	fi
	./deploy/openapi/check.sh $(CURDIR)/target/debug/agentpulse $(SCHEMATHESIS) $(ARGS)

demo: setup ## Send a day of sample traffic to the running daemon
	$(CARGO) run --release --quiet --bin agentpulse -- demo $(ARGS)

# man(1) looks beside each folder of PATH. Without a place for the pages the programs are enough.
deny: ## Check licences, drivers and sources of dependencies with cargo-deny
	$(CARGO) deny check licenses bans sources

install: setup ## Install agentpulse, agentpulse-hook and the manual pages below PREFIX (~/.cargo)
	$(CARGO) install --profile dist --locked --root "$(PREFIX)" --path .
	$(CARGO) install --profile dist --locked --root "$(PREFIX)" --path hook
	@"$(PREFIX)/bin/agentpulse" man "$(MANDIR)/man1" || echo "the manual pages are not installed"

uninstall: ## Remove what `make install` put below PREFIX; the data stays
	$(CARGO) uninstall --root "$(PREFIX)" agentpulse agentpulse-hook
	rm -f "$(MANDIR)"/man1/agentpulse.1 "$(MANDIR)"/man1/agentpulse-*.1

screenshot: ## Make docs/page.png, the picture of the README, again
	@./deploy/setup.sh tests
	$(CARGO) test --test suite page::screenshot -- --ignored
