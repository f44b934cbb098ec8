# Everything below works on a bare machine with Python 3.11, git and make.
PYTHON ?= python3.11
BIN := .venv/bin
SHIPS := runs/demo-ships
DEMO := runs/demo

.PHONY: setup demo test lint clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

# Simulates ships, learns to match them across modalities, and reports on ships never seen in training.
demo: setup
	[ -d $(SHIPS) ] || $(BIN)/crosswake simulate $(SHIPS) --identities 450 --sightings 4 --seed 0
	rm -rf $(DEMO)
	$(BIN)/crosswake train --config demo --data $(SHIPS) --output $(DEMO)
	@echo "Open $(DEMO)/report.html. Next: crosswake evaluate --help, docs/data.md for your own chips."
	-@[ ! -t 1 ] || $(BIN)/python -m webbrowser -t "file://$(CURDIR)/$(DEMO)/report.html" >/dev/null 2>&1

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest

clean:
	rm -rf .venv runs build
