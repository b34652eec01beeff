# Every door to this project. Each makes .venv as it needs it, from Python 3.11 or later.
# Another Python: make PYTHON=python3.13 test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
BENCH_ARGS ?=
PICTURES ?=

.DEFAULT_GOAL := help
.PHONY: help run test check lint types format bench docs pictures clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.has-demo ## Start the demo site and a mail catcher; Ctrl-C ends both
	@exec $(BIN)/python wsgi.py

test: $(VENV)/.has-test ## Run every test; what is missing (a database, a browser) is skipped and named
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types ## Run all that a change must pass: style, types, tests with branch coverage
	@$(MAKE) --no-print-directory test PYTEST_ARGS="--cov --cov-report=term $(PYTEST_ARGS)"

lint: $(VENV)/.has-dev ## Check style and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(VENV)/.has-dev ## Check types
	@$(BIN)/mypy

format: $(VENV)/.has-dev ## Put the code into the project's format
	@$(BIN)/ruff check --fix --exit-zero
	@$(BIN)/ruff format

bench: $(VENV)/.has-test .venv-bench/.has-peers ## Measure ours beside its peers (15 minutes; BENCH_ARGS=--quick: one)
	@$(BIN)/python benchmarks/report.py $(BENCH_ARGS)

docs: $(VENV)/.has-demo ## Write the reference pages anew from the code; the other pages are read as they are
	@$(BIN)/python docs/generate.py

pictures: $(VENV)/.has-test ## Take the pictures of the docs anew, in a real browser (PICTURES="settings overview": only these)
	@$(BIN)/python docs/pictures.py $(PICTURES)

clean: ## Remove what make made: .venv, caches, and the demo's data in instance/
	rm -rf $(VENV) .venv-bench build dist instance .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis tests/screenshots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of dependencies; installed anew when what we depend on changes.
$(VENV)/.has-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what '$*' needs into $(VENV) (once; a minute or so)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@

# The other products are measured in an environment of their own.
.venv-bench/.has-peers: benchmarks/peers.txt | $(VENV)/bin/python
	@echo "Installing the products that ours is measured beside (once; a minute or so)"
	@$(BIN)/python -m venv .venv-bench
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check -r benchmarks/peers.txt
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "plato_email needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing)." ; \
		echo "Name another: make PYTHON=python3.13 $(MAKECMDGOALS)" ; exit 1 ; } >&2
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV) ; \
		echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" ; exit 1 ; } >&2
