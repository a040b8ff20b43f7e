# The tour: `make help`. Every target makes what it needs; nothing has to be installed first but Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check bench faults docs run clean
ROUNDS ?= 1
SEED ?= 1

help: ## this tour
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@echo "Preparing $(VENV) (about half a minute the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

demo: $(READY) ## Togai accounts and invoices arrive in Zoho Books, through a real Kafka, in under 90 s
	@$(BIN)/pipeline demo

test: $(READY) ## every test, on a real Kafka: two at once, each with a broker of its own
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: $(READY) ## ruff, mypy --strict, import-linter, deptry
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/deptry .

bench: $(READY) ## the figures of docs/performance.md, side by side, into build/bench.json
	@$(BIN)/python -m tests.bench

faults: $(READY) ## every fault against the real machine, the table, and build/faults.json (ROUNDS=n SEED=s)
	@$(BIN)/python -m tests.faults --rounds $(ROUNDS) --seed $(SEED)

docs: $(READY) ## what is written from the code: the README's tables, routes of the API, the schemas of flows, docs/asyncapi.yaml
	@$(BIN)/python -m tests.tables
	@$(BIN)/python -m tests.routes
	@$(BIN)/pipeline flows schema > configs/schemas/flow.schema.json
	@$(BIN)/pipeline flows schema --tests > configs/schemas/flow-tests.schema.json
	@$(BIN)/pipeline topics asyncapi > docs/asyncapi.yaml

run: $(READY) ## the same machine for real connections (after `pipeline apply`)
	@$(BIN)/pipeline run

clean: ## forget the environment and the build output (not the state directory)
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
