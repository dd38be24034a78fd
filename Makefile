# Two commands: `make demo` to use Maskloom, `make test` to check it. Both set up everything they need.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
HOST_PYTHON := $(shell for p in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo "$$p"; break; }; done)

.PHONY: help demo up test lint types unit web web-check browser bench setup setup-dev lock clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

demo: setup web ## Start Maskloom with sample photographs and print its address
	@$(VENV)/bin/maskloom demo $(ARGS)

up: setup web ## Start Maskloom on your own data folder ($MASKLOOM_HOME)
	@$(VENV)/bin/maskloom up $(ARGS)

test: setup-dev web lint types web-check browser unit ## Set up and run every check and test

lint: setup-dev ## Formatting, lint rules and import directions
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports --no-cache

types: setup-dev ## mypy, strict
	$(VENV)/bin/mypy

unit: setup-dev ## The Python tests, real services included
	$(VENV)/bin/pytest $(ARGS)

web: $(VENV)/.base ## Build the page into frontend/dist
	@$(PY) scripts/web.py build

web-check: $(VENV)/.dev ## TypeScript, Biome and the page's own tests
	@$(PY) scripts/web.py check

browser: $(VENV)/.dev ## Find or fetch a Chromium for the browser tests
	@$(PY) scripts/browser.py

setup: $(VENV)/.base
setup-dev: $(VENV)/.dev

bench: setup-dev web browser ## Measure; ARGS="--reference PATH" sets the released implementation beside ours
	@$(PY) -m benchmarks $(ARGS)

lock: setup-dev ## Rewrite requirements.lock from pyproject.toml
	$(PY) scripts/lock.py

clean: ## Remove what the other targets made (your data folder is left alone)
	rm -rf $(VENV) frontend/node_modules frontend/dist build *.egg-info

$(VENV)/bin/python:
	@test -n "$(HOST_PYTHON)" || { echo "Maskloom needs Python 3.11, 3.12 or 3.13 on PATH (or make PYTHON=/path/to/python)."; exit 1; }
	$(HOST_PYTHON) -m venv $(VENV)

# TORCH_INDEX=https://download.pytorch.org/whl/cpu saves gigabytes where no GPU is used.
$(VENV)/.base: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PY) scripts/install.py $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.base
	$(PY) scripts/install.py --dev $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))
	@touch $@
