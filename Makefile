# Every target makes the environment it needs itself; see `make help`.
PYTHON ?= $(shell command -v python3.13 2>/dev/null || echo python3)
UV_VERSION := 0.13.9
AZURITE_VERSION := 3.37.0
CHECKOV_VERSION := 3.3.30
VENV := .venv
PY := $(VENV)/bin/python
INSTALL := $(VENV)/bin/uv pip install --python $(PY) --quiet --compile-bytecode

.DEFAULT_GOAL := help
.PHONY: help demo up test bench azurite infra lint format lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo ## run the main job on real data, start to end (KEEP=1 leaves the stack up)
	@$(PY) -m local demo $(if $(KEEP),--keep)

up: $(VENV)/.demo ## run the local stack until Ctrl-C
	@$(PY) -m local up

test: $(VENV)/.test ## run all tests
	@$(PY) -m pytest $(ARGS)

bench: $(VENV)/bench/.installed ## measure, side by side in one run; prints ratios (a quarter of an hour)
	@$(PY) -m benchmarks.cold_start
	@$(PY) -m benchmarks.webhook
	@$(PY) -m benchmarks.sending
	@$(PY) -m benchmarks.scoring
	@$(PY) -m benchmarks.overhead
	@$(PY) -m benchmarks.memory
	@PYTHONPATH=$(VENV)/bench $(PY) -m benchmarks.quality

azurite: $(VENV)/azurite/.installed ## install Microsoft's storage emulator, so that tests run against it (needs npm)

infra: $(VENV)/checkov/.installed ## look for what is unsafe in the Bicep (checkov)
	@found=$$($(VENV)/checkov/bin/checkov -d infra --framework bicep --compact --quiet --skip-download) || { echo "$$found"; exit 1; }; \
	echo "$$found" | grep checks; ! echo "$$found" | grep -q "Parsing errors: [1-9]"

lint: $(VENV)/.test ## ruff and mypy --strict
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy

format: $(VENV)/.test ## format and sort
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix --quiet .

lock: $(VENV)/bin/uv ## write the pinned requirements from pyproject.toml
	@$(VENV)/bin/uv pip compile --quiet --python $(PY) --no-header --no-annotate pyproject.toml -o requirements.txt
	@$(VENV)/bin/uv pip compile --quiet --python $(PY) --no-header --no-annotate -c requirements.txt --group local -o local/requirements.txt
	@$(VENV)/bin/uv pip compile --quiet --python $(PY) --no-header --no-annotate -c requirements.txt -c local/requirements.txt --group test -o tests/requirements.txt
	@$(VENV)/bin/uv pip compile --quiet --python $(PY) --no-header --no-annotate -c requirements.txt -c local/requirements.txt --group bench -o benchmarks/requirements.txt

clean: ## remove the environment and the local stack's state
	rm -rf $(VENV) .sluice .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 13) and "Sluice needs Python 3.13: install it (pyenv install 3.13), or name it: make PYTHON=/path/to/python3.13")'
	@echo "creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.demo: $(VENV)/bin/uv requirements.txt local/requirements.txt ml/pyproject.toml
	@echo "installing the pinned packages (about half a minute) ..."
	@$(INSTALL) -r requirements.txt -r local/requirements.txt
	@$(INSTALL) --no-deps --editable ./ml
	@touch $@

$(VENV)/.test: $(VENV)/.demo tests/requirements.txt
	@echo "installing the test tools ..."
	@$(INSTALL) -r tests/requirements.txt
	@touch $@

$(VENV)/bench/.installed: $(VENV)/.demo benchmarks/requirements.txt
	@echo "installing what is compared with ..."
	@$(INSTALL) --no-deps --target $(VENV)/bench -r benchmarks/requirements.txt
	@touch $@

$(VENV)/checkov/.installed: $(VENV)/bin/uv
	@echo "installing checkov ..."
	@$(PYTHON) -m venv $(VENV)/checkov
	@$(VENV)/bin/uv pip install --quiet --python $(VENV)/checkov/bin/python checkov==$(CHECKOV_VERSION)
	@touch $@

$(VENV)/azurite/.installed: $(VENV)/bin/uv
	@echo "installing Azurite ..."
	@npm install --silent --no-audit --no-fund --prefix $(VENV)/azurite azurite@$(AZURITE_VERSION)
	@touch $@
