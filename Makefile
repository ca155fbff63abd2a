# The two commands of a newcomer: `make demo` and `make test`. See README.md.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONTRACTS := provenance/contracts/node_modules/.package-lock.json
SLITHER := .venv-slither/.installed
FLARE := .venv-flare/.installed
WORKERS ?= 2
export PYTHONUNBUFFERED := 1
# Images often forbid byte code; each of the many processes would then compile the whole platform again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test contracts flare lint format messages lock client bench docs screenshots backup drill clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed  ## start everything and live through the life of a model (ARGS=--exit, DATA=heart:PATH|lgg:PATH|brats:PATH|mimic_cxr:PATH)
	@$(BIN)/python -m qflethics.launcher.demo $(ARGS)

test: $(VENV)/.installed-dev $(CONTRACTS) $(SLITHER) $(FLARE)  ## the whole suite (WORKERS=2, each with servers of its own; ARGS are given to pytest)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(ARGS)

contracts: $(CONTRACTS) $(SLITHER)  ## the tools that build and test the contract

flare: $(FLARE)  ## NVIDIA FLARE, in an environment of its own

lint: export SECRET_KEY := lint-only
lint: export DATABASE_URL := postgresql://lint@/lint
lint: export REDIS_URL := unix:///lint
lint: $(VENV)/.installed-dev  ## ruff, mypy, import contracts, missing migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/python -m qflethics.launcher.check_migrations

format: $(VENV)/.installed-dev  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

messages: export SECRET_KEY := messages-only
messages: export DATABASE_URL := postgresql://messages@/messages
messages: export REDIS_URL := unix:///messages
messages: export DJANGO_SETTINGS_MODULE := qflethics.settings.test
messages: $(VENV)/.installed  ## compile the translations (locale/), and say what is missing
	@$(BIN)/python -m qflethics.translations

lock: $(VENV)/.installed-dev  ## resolve requirements*.in anew
	@$(BIN)/pip-compile -q --strip-extras --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.txt requirements.in
	@$(BIN)/pip-compile -q --strip-extras --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements-hardware.txt requirements-hardware.in
	@$(BIN)/pip-compile -q --strip-extras --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements-dev.txt requirements-dev.in
	@sed -i 's/+cpu$$//' requirements.txt requirements-dev.txt requirements-hardware.txt

client: $(VENV)/.installed  ## write clients/openapi.json and the typed Python client anew
	@$(BIN)/python clients/generate.py

bench: $(VENV)/.installed-dev  ## measure an area beside its peers (NAME=ledger, QUICK=1 for a shorter run)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@QUICK=$(QUICK) $(BIN)/python -m benchmarks $(NAME) $(ARGS)

docs: $(VENV)/.installed-dev  ## build the documentation into var/docs; a broken link is an error
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs var/docs
	@echo "  · var/docs/index.html"

screenshots: $(VENV)/.installed-dev  ## make the pictures of the guides anew, in a real browser
	@E2E_PICTURES=docs/images/guides $(BIN)/python -m pytest -q -n 0 tests/e2e/test_life_of_a_model.py

backup: $(VENV)/.installed  ## a sealed backup under TARGET=FOLDER (QFL_BACKUP_KEY_FILE=FILE; docs/operations/continuity.md)
	@$(BIN)/python -m qflethics.launcher.continuity backup $(TARGET) $(if $(BY),--by $(BY))

drill: $(VENV)/.installed  ## restore BACKUP=FOLDER into a database of its own, check it, record it (BY=EMAIL of an administrator)
	@$(BIN)/python -m qflethics.launcher.continuity drill $(BACKUP) --by $(BY) $(ARGS)

clean:  ## remove what the demonstration has stored, and the virtual environment
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m qflethics.launcher.forget; fi
	rm -rf $(VENV) .venv-slither .venv-flare

# The compiler, the EVM node and Foundry of the contract's tests; without npm those tests fail and say what to install.
$(CONTRACTS): provenance/contracts/package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund --prefix provenance/contracts; touch $@; fi

# Slither wants an older web3 than ours, so it lives by itself.
$(SLITHER): provenance/contracts/slither-requirements.txt | $(VENV)/bin/python
	@$(BIN)/python -m venv --clear .venv-slither
	@echo '*' > .venv-slither/.gitignore
	@.venv-slither/bin/pip install --quiet --disable-pip-version-check -r provenance/contracts/slither-requirements.txt
	@touch $@

# FLARE's pins come first in its environment; torch and what else a site needs are lent by the platform's.
$(FLARE): requirements-flare.txt $(VENV)/.installed
	@$(BIN)/python -m venv --clear .venv-flare
	@echo '*' > .venv-flare/.gitignore
	@.venv-flare/bin/pip install --quiet --disable-pip-version-check -r requirements-flare.txt
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $$(.venv-flare/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zz-platform.pth
	@touch $@

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 was not found. Install it, e.g. 'apt-get install python3.11 python3.11-venv', or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Expected Python 3.11, got $$($(PYTHON) --version). Name the right one: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing. Install it: apt-get install python3.11-venv"; exit 2; }

# torch first and by itself: its CPU build has another digest on each platform.
$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	@echo "  · Installing (a few minutes on the first start)"
	@$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -E '^torch==' requirements.txt)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
