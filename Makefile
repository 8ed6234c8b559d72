# Two commands for a newcomer: make serve, make test. Everything lives in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 3000
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help serve test check fuzz lock clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

serve: $(VENV)/.serving ## start the service on port 3000 (PORT=…) with the committed model
	$(BIN)/digits serve --port $(PORT)

test: $(VENV)/.training ## run all the tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.training ## format, lint, types, boundaries between the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(VENV)/.training ## try broken and odd files on the reading, guided by coverage (ARGS="--seconds 600")
	$(BIN)/python benchmarks/fuzz_reading.py $(ARGS)

lock: $(VENV)/.training ## resolve the pinned versions anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --annotation-style line --upgrade pyproject.toml -o requirements/serve.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --annotation-style line --upgrade --extra dev \
		-c requirements/serve.txt -c requirements/constraints.in pyproject.toml -o requirements/dev.txt

clean: ## remove the environment
	rm -rf $(VENV)

$(VENV)/.created:
	@echo "Making the environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "digits needs Python 3.11 to 3.13; name one with: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.serving: requirements/serve.txt pyproject.toml | $(VENV)/.created
	@echo "Installing what serving needs (about a minute the first time)"
	@$(PIP) -r requirements/serve.txt
	@$(PIP) --no-deps -e .
	@touch $@

$(VENV)/.training: requirements/dev.txt $(VENV)/.serving
	@echo "Installing what training and testing need (torch: some minutes the first time)"
	@$(PIP) -r requirements/dev.txt
	@touch $@
