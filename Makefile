# Everything happens in .venv; each target installs what it needs first.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

.PHONY: install demo serve test test-all check bench clean

install: .venv/installed

# What a user needs.
.venv/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(INSTALL) .
	touch $@

# What the service needs besides.
.venv/serving: .venv/core
	$(INSTALL) '.[service]'
	touch $@

# What a developer needs besides.
.venv/installed: .venv/core
	$(INSTALL) '.[dev]'
	touch $@

demo: .venv/core
	$(BIN)/semrec demo

# The page and the API on this machine, at http://127.0.0.1:8000
serve: .venv/serving demo-shop/current
	$(BIN)/semrec serve --workspace demo-shop

demo-shop/current: | .venv/core
	$(BIN)/semrec demo

test: install
	$(BIN)/python -m pytest -m "not slow and not multilingual"

test-all: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	for program in query quality fit learning_quality encode index swap kill serve; do \
		$(BIN)/python benchmarks/$$program.py --quick || exit 1; \
	done

clean:
	rm -rf .venv demo-shop .ci-artifacts
