# Two commands for a newcomer: make serve, make test. Everything lives in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 3000
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

IMAGE_LOCK := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 \
	--python-platform x86_64-manylinux_2_28 --only-binary :all: --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help serve web test check fuzz container-test lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

serve: $(VENV)/.serving ## start the service on port 3000 (PORT=…) with the committed model
	$(BIN)/digits serve --port $(PORT)

web: serving/page/runtime/ort.mjs ## fetch what lets the page run the default model in the browser (npm)

test: $(VENV)/.training ## run all the tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.training ## format, lint, types, boundaries between the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(VENV)/.training ## try broken and odd files on the reading, guided by coverage (ARGS="--seconds 600")
	$(BIN)/python benchmarks/fuzz_reading.py $(ARGS)

container-test: $(VENV)/.training ## build the image, run it locked down and attack it (root, buildah, podman)
	$(BIN)/python -m pytest tests/container -m container $(ARGS)

lock: $(VENV)/.training ## resolve the pinned versions anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --annotation-style line --upgrade pyproject.toml -o requirements/serve.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --annotation-style line --upgrade --extra dev \
		-c requirements/serve.txt -c requirements/constraints.in pyproject.toml -o requirements/dev.txt
	$(IMAGE_LOCK) requirements/container-build.in -o requirements/container-build.txt
	$(IMAGE_LOCK) requirements/serve.txt -o requirements/container.txt
	$(IMAGE_LOCK) requirements/serve.txt requirements/container-gpu.in --override requirements/container-gpu.overrides \
		-o requirements/container-gpu.txt
	$(IMAGE_LOCK) pyproject.toml --extra train -c requirements/dev.txt -o requirements/container-train.txt
	cd web && npm update --package-lock-only

clean: ## remove the environment, what web fetched, and what container-test keeps
	rm -rf $(VENV) build web/node_modules serving/page/runtime

serving/page/runtime/ort.mjs: web/package-lock.json web/package.json web/place.js
	@command -v npm > /dev/null || { echo "make web needs npm and Node 18 or later"; exit 1; }
	@cd web && npm ci && npm run --silent place

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
