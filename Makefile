# Everything below works on a bare machine with Python 3.11, git and make.
PYTHON ?= python3.11
BIN := .venv/bin
SHIPS := runs/demo-ships
DEMO := runs/demo
# One process a core. Tests of a file stay in one process, since they share what they made.
PYTEST := $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: setup demo lint check test fuzz docs bench clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

# Simulates ships, learns to match them across modalities, reports on ships never seen in training, and asks
# a gallery of these where six of them have been seen.
# Goes on with a demo that was stopped, and deletes nothing; a second one: make demo DEMO=runs/demo2.
demo: setup
	[ -d $(SHIPS) ] || $(BIN)/crosswake simulate $(SHIPS) --identities 450 --sightings 4 --seed 0
	$(BIN)/crosswake train --config demo_imagenet --data $(SHIPS) --output $(DEMO) $(if $(wildcard $(DEMO)/last.pt),--resume)
	$(BIN)/crosswake calibrate --checkpoint $(DEMO)/best.pt --data $(SHIPS) --overwrite
	[ -d $(DEMO)/gallery ] || $(BIN)/crosswake gallery create $(DEMO)/gallery --checkpoint $(DEMO)/best.pt
	grep -E '^path,|,gallery,' $(SHIPS)/sightings.csv >$(SHIPS)/gallery.csv
	grep -E '^path,|,query,' $(SHIPS)/sightings.csv | head -n 7 >$(SHIPS)/queries.csv
	$(BIN)/crosswake gallery add $(DEMO)/gallery $(SHIPS)/gallery.csv --checkpoint $(DEMO)/best.pt
	$(BIN)/crosswake gallery search $(DEMO)/gallery --checkpoint $(DEMO)/best.pt --query $(SHIPS)/queries.csv --top 5 \
		--output $(DEMO)/search.html --overwrite
	@echo "Open $(DEMO)/report.html, and $(DEMO)/search.html: where these ships have been seen, and how sure that is."
	@echo "docs/data.md says how to use chips of your own, docs/gallery.md how to search."
	-@[ ! -t 1 ] || $(BIN)/python -m webbrowser -t "file://$(CURDIR)/$(DEMO)/report.html" >/dev/null 2>&1

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Before each commit: a minute or so on two cores.
check: lint
	$(PYTEST) -m "not slow"

# Everything that CI runs.
test: lint docs
	$(PYTEST)

# Thousands of damaged images, tables, settings and weight files; a few of each are in every test run.
fuzz: setup
	FUZZ=full $(BIN)/pytest tests/fuzz

# Pages and API reference as a site that needs no network: runs/site/index.html.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Each job beside the usual way to do it, in a few minutes; results go to runs/bench.
bench: setup
	$(BIN)/python -m benchmarks all

clean:
	rm -rf .venv runs build
