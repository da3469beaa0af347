# Everything happens in .venv; each target installs what it needs first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test test-all check bench clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
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
	for program in benchmarks/[a-z]*.py; do $(BIN)/python $$program --quick || exit 1; done

clean:
	rm -rf .venv demo-shop
