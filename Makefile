# `make help` lists the targets. PYTHON chooses the interpreter the environment is made from.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test drills check bench lock clean
.DEFAULT_GOAL := help

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY)  ## create .venv from requirements.lock (hash-checked)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Firstmate needs Python 3.11, 3.12 or 3.13; say which with: make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 2; }
	@echo "creating $(VENV) (once; under 90 seconds)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: setup  ## a live incident on local processes, end to end (ARGS="--list", ARGS=--yes, …)
	@$(BIN)/firstmate demo $(ARGS)

test: setup  ## the whole suite (ARGS="-k name" narrows it)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

drills: setup  ## what nothing may get past, in full: each gate's figure, its bar, its known-bad twin
	@FIRSTMATE_DRILLS=full $(BIN)/python -m pytest -n 2 --dist loadgroup -m drill $(ARGS)

check: setup  ## lint, format, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup  ## speed beside that of others, on the same input (ARGS="--only templates", --quick, CASES…)
	@$(BIN)/python -m tests.bench $(ARGS)

lock:  ## write requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --python-version 3.11 --group dev pyproject.toml --output-file requirements.lock

clean:  ## remove the environment and caches
	rm -rf $(VENV) .venv-bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
