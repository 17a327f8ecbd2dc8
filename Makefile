# Matinee. `make demo` runs the service, `make test` proves it, `make check` is for every commit.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Named, so that an environment of the caller's own is left alone.
INSTALL := $(BIN)/uv pip install -q --python $(BIN)/python
STATIC := src/matinee/web/static
export PATH := $(CURDIR)/$(BIN):$(PATH)
export UV_NO_CONFIG := 1
# Compiled once at installation: every start of every process is quicker for it.
export UV_COMPILE_BYTECODE := 1

.PHONY: help demo test check bench docs lock setup setup-edge setup-ray setup-development engines web screenshots clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 28

# --- set-up: each stamp is remade when what it was made from changes -----------------------------------------------
$(VENV)/.bootstrap: requirements/bootstrap.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing: install it, or say make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: say make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make a virtual environment: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.runtime: $(VENV)/.bootstrap requirements/runtime.txt requirements/build.txt
	@$(INSTALL) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.ray: $(VENV)/.runtime requirements/ray.txt
	@$(INSTALL) --require-hashes -r requirements/ray.txt
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/development.txt
	@$(INSTALL) --require-hashes -r requirements/development.txt
	@touch $@

$(VENV)/.node: $(VENV)/.bootstrap requirements/node.txt
	@command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] < 20)' 2>/dev/null || $(INSTALL) --require-hashes -r requirements/node.txt
	@touch $@

node_modules/.stamp: package.json package-lock.json $(VENV)/.node
	@npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

$(STATIC)/.stamp: node_modules/.stamp $(shell find src/matinee/web/client -type f)
	@npm run --silent build
	@touch $@

setup: $(VENV)/.runtime $(STATIC)/.stamp ## what a running service needs
setup-edge: $(VENV)/.runtime ## what an edge needs: no pages, so no Node
setup-ray: setup $(VENV)/.ray ## what work on a Ray cluster needs on top
setup-development: setup $(VENV)/.development ## what building and testing need on top

engines: ## real engines for the tests, through apt-get where that is allowed
	@tests/install-engines

# --- the two commands -----------------------------------------------------------------------------------------------
FILMS ?=
PORT ?= 8400
ENGINES ?= embedded
ifeq ($(ENGINES),real)
DATA ?= .matinee-real
DEMO = $(BIN)/python -m deploy.local
demo: setup-development engines
else
DATA ?= .matinee
DEMO = $(BIN)/matinee demo
demo: setup
endif
demo: ## the whole service on this machine; FILMS=dir takes yours, ENGINES=real runs real engines (as root)
	@exec $(DEMO) --data "$(DATA)" --port $(PORT) $(if $(FILMS),--films "$(FILMS:~/%=$(HOME)/%)")

test: setup-development engines check ## everything, real engines included
	@$(BIN)/pytest -n 2 --dist loadfile tests/journeys tests/contracts
	@$(BIN)/pytest tests/network
	@$(BIN)/pytest tests/browser

# --- every day --------------------------------------------------------------------------------------------------------
check: setup-development ## format, lint, types, import rules, unit tests
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo | tail -n 4
	@npx --no-install prettier --check --log-level=warn 'src/matinee/web/client/**/*.{ts,mjs,css}' 'tests/browser/*.js'
	@npm run --silent types
	@$(BIN)/pytest -q -n 2 tests/unit tests/architecture

bench: setup-development ## the tables of docs/benchmarks.md, the plots of docs/encoding.md
	@$(BIN)/python -m benchmarks

screenshots: setup-development ## the pictures of the README
	@$(BIN)/python -m tests.browser.screenshots docs/images

docs: setup-development ## what is generated: docs/configuration.md
	@$(BIN)/matinee docs docs

lock: $(VENV)/.bootstrap ## pin everything anew
	@for set in bootstrap node build runtime ray development; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links --upgrade requirements/$$set.in -o requirements/$$set.txt; done
	@rm -rf node_modules package-lock.json && npm install --package-lock-only --loglevel=error --no-audit --no-fund
	@$(BIN)/python requirements/strip_addresses.py package-lock.json

clean: ## remove what was built, not what was kept (DATA)
	@rm -rf $(VENV) node_modules $(STATIC)
