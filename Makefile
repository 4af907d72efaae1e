# make help lists the targets. Everything is installed into .venv from requirements.lock; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= examples/xinxiang-2023/gouji.toml
RECORDS ?= examples/xinxiang-2023/records
PORT ?= 8088

.PHONY: help setup run demo-platform ui test test-all check bench docs lock
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/ready ## make .venv with everything that is needed

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gouji needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

run: setup ## run the job on the example (CONFIG=… for another configuration)
	@$(BIN)/gouji --config $(CONFIG) run
	@$(BIN)/gouji --config $(CONFIG) tables --year 2023

demo-platform: setup ## an enforcement platform to try things out on, with a switch for every fault (RECORDS=… PORT=…)
	$(BIN)/python examples/demo_platform.py $(RECORDS) --port $(PORT)

ui: setup ## open the Dagster UI on the runs of `make run`
	@$(BIN)/gouji --config $(CONFIG) ui

test: setup ## the tests that need nothing but this folder; prints what they leave out
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not wide"
	@echo "left to 'make test-all':" && $(BIN)/python -m pytest -q -m wide --collect-only 2>/dev/null | sed -n 's/^\(tests.*\)/  \1/p' | sed 's/\[.*//' | sort | uniq -c

test-all: setup ## every other test: wide replays, kills, browser; installs what it needs from Debian
	tests/debian.sh
	$(BIN)/python -m pytest -q -n 3 --dist loadfile -m wide

check: setup ## style, types, definitions, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/dg check defs
	$(BIN)/python -m pipelines.docs --check

bench: setup ## measurements, as ratios
	$(BIN)/python tests/bench.py
	$(BIN)/python tests/bench_report.py
	$(BIN)/python tests/bench_logs.py
	$(BIN)/python tests/bench_pulls.py

docs: setup ## generate the pages that follow from the code
	$(BIN)/python -m pipelines.docs

lock: ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/pip-compile --quiet --extra dev --extra postgresql --extra mariadb --extra adbc --allow-unsafe --generate-hashes --strip-extras --no-header \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml
