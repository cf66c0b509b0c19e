# The commands of this project; CI runs the very same ones.
SHELL := bash
PYTHON := .venv/bin/python
# What stops servers and looks at them needs Python's own library alone, so a missing .venv does not stand in the way.
ANY_PYTHON = $(if $(wildcard $(PYTHON)),$(PYTHON),python3)
.DEFAULT_GOAL := help
.PHONY: help venv up down status demo test check bench jar lock clean

help:  ## Show this help
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

venv:  ## Make .venv from the lock (a moment when it is up to date)
	@requirements/venv.sh

up: venv  ## Start the quickstart's servers: Hadoop, Azurite, Cloud Storage, Airflow
	@tests/servers/prerequisites.sh
	@$(PYTHON) -m examples.quickstart.stack up

down:  ## Stop what `make up` started; data is kept
	@$(ANY_PYTHON) -m tests.servers stop

status:  ## Show what runs, where, and its log
	@$(ANY_PYTHON) -m tests.servers status

demo: venv  ## Copy by the worker and by DistCp on a real stack, compare every byte, stop the stack
	@tests/servers/prerequisites.sh
	@$(PYTHON) -m examples.quickstart.demo

test: venv  ## Run the tests (ARGS="-k listing tests/transfer")
	@tests/servers/prerequisites.sh
	@$(PYTHON) -m pytest $(ARGS)

check: venv  ## Lint, format, types, layers, and the documentation's links and examples
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports
	@$(PYTHON) docs/check.py

bench: venv  ## Run a benchmark (NAME=request_cost); all of them without a name
	@tests/servers/prerequisites.sh
	@$(PYTHON) -m benchmarks.run $(NAME)

jar:  ## Build the jar that the package carries, from java/ (needs Maven and a JDK 17)
	@java/build.sh airflow_datamove/distcp

lock:  ## Write the lock anew from setup.cfg (ARGS=--upgrade for later versions)
	@requirements/lock.sh $(ARGS)

clean:  ## Stop all servers, those of tests and benchmarks too; remove their data, logs and the environment
	@$(ANY_PYTHON) -m tests.servers stop --all
	@rm -rf .venv .stack .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
