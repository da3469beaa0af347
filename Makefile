# Everything is installed in .venv; each target first installs what it needs.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

# Two processes; the tests of one file stay together, because they share what is slow to make.
IN_TWO := --numprocesses 2 --dist loadfile

.PHONY: install demo serve test test-all check bench clean

install: .venv/installed

# For users.
.venv/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(INSTALL) .
	touch $@

# For the service, in addition.
.venv/serving: .venv/core
	$(INSTALL) '.[service]'
	touch $@

# For developers, in addition.
.venv/installed: .venv/core
	$(INSTALL) '.[dev]'
	touch $@

demo: .venv/core
	$(BIN)/semrec demo

# The web page and the HTTP API at http://127.0.0.1:8000
serve: .venv/serving demo-shop/current
	$(BIN)/semrec serve --workspace demo-shop

demo-shop/current: | .venv/core
	$(BIN)/semrec demo

test: install
	$(BIN)/python -m pytest -m "not slow and not multilingual" $(IN_TWO)

test-all: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	for program in query quality variants fit learning_quality new_items ratings encode index swap kill damage hostile doors poison finetune serve server_client; do \
		$(BIN)/python benchmarks/$$program.py --quick || exit 1; \
	done

clean:
	rm -rf .venv demo-shop .ci-artifacts
