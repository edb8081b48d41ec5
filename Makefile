# RowReader: `make serve` and `make test` are all that a newcomer needs; `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 3000
# Processes that run the tests of `make test`, a file in each at a time. Each computes on one thread:
# more threads than processors wait for each other, and training took three times as long.
JOBS ?= 2
BIN := $(VENV)/bin
# Every install is held to versions that were seen to work together.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help serve test test-all train reproduce bench lint format clean

##@ Help
help:  ## list the commands
	@awk -F ':.*## ' '/^##@ /{printf "%s:\n", substr($$0, 5)} /^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Serve
serve: $(VENV)/.serving  ## serve the shipped models at http://localhost:3000 (PORT=... for another)
	@$(BIN)/python -c 'import socket; socket.create_server(("", $(PORT)))' 2>/dev/null || \
		{ echo "Port $(PORT) cannot be listened at, mostly because another program does; name another with PORT=..."; exit 1; }
	$(BIN)/bentoml serve --port $(PORT) --timeout-keep-alive 65

##@ Test
test: $(VENV)/.development  ## run the tests that are not marked slow, in five minutes; more with MNIST (MNIST_ROOT or data/)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses=$(JOBS) --dist=loadfile $(ARGS)

test-all: $(VENV)/.benchmarks $(VENV)/.kserve  ## run the rest: load, attacks, fuzzing, kills, containers, benchmarks; 25 minutes
	$(BIN)/python -m pytest -m slow $(ARGS)

##@ Train
train: $(VENV)/.training  ## train what has no finished run, export, prove and publish what ships
	$(BIN)/python -m training.export $(ARGS)

reproduce: $(VENV)/.training  ## train every model of the tutorials; a table and plots in runs/report/
	$(BIN)/python -m training.reproduce $(ARGS)

##@ Measure
bench: $(VENV)/.benchmarks $(VENV)/.mlserver  ## measure speed beside other libraries and servers, 20 minutes
	$(BIN)/python -m tests.benchmarks.bench $(ARGS)

##@ Develop
lint: $(VENV)/.development  ## check formatting, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.development  ## format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment and all caches; runs/, data/ and models/ stay
	@test ! -e $(VENV) -o -f $(VENV)/pyvenv.cfg || \
		{ echo "$(VENV) is no virtual environment, so it is left alone; name one with VENV=..."; exit 1; }
	rm -rf $(VENV) build *.egg-info .coverage .coverage.* .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "RowReader needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo "not installed"); name another with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp is the wish that was granted last; each is renewed when what it depends on changes.
$(VENV)/.serving: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what serving needs; this takes a minute or two ..."
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.training: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what training needs, torch included; this takes a few minutes ..."
	$(INSTALL) --editable '.[training]'
	@touch $@ $(VENV)/.serving

$(VENV)/.development: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the tests need, torch included; this takes a few minutes ..."
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.training $(VENV)/.serving

# KServe takes older libraries than the service; its client, for the tests, has its own environment.
$(VENV)/.kserve: tests/e2e/kserve.txt | $(BIN)/python
	@echo "Installing KServe's client for the tests; this takes a minute or two ..."
	$(BIN)/python -m venv $(VENV)/kserve
	$(VENV)/kserve/bin/python -m pip install --quiet --disable-pip-version-check --requirement $< || \
		{ echo "KServe's client cannot be installed here; its tests are skipped."; rm -rf $(VENV)/kserve; }
	@touch $@

$(VENV)/.benchmarks: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what is measured beside us; this takes a few minutes ..."
	$(INSTALL) --editable '.[bench]'
	@touch $@ $(VENV)/.development $(VENV)/.training $(VENV)/.serving

# MLServer too takes older libraries than the service.
$(VENV)/.mlserver: tests/benchmarks/peers/mlserver.txt | $(BIN)/python
	@echo "Installing MLServer to be measured beside; this takes a minute or two ..."
	$(BIN)/python -m venv $(VENV)/mlserver
	$(VENV)/mlserver/bin/python -m pip install --quiet --disable-pip-version-check --requirement $< || \
		{ echo "MLServer cannot be installed here; the table will say so."; rm -rf $(VENV)/mlserver; }
	@touch $@
