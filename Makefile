# Everything a developer runs. `make` alone prints this list.

# The newest Python on the machine that is new enough; `make PYTHON=/path/to/python3` chooses another.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$each"; break; }; done)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# Tests wait a good deal, so one worker more than there are cores; four at most, as each has a database server and a desk of its own.
WORKERS ?= $(shell cores=$$(nproc 2>/dev/null || echo 2); [ "$$cores" -ge 4 ] && echo 4 || echo $$((cores + 1)))
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PYTHONUTF8 := 1
# Tests start processes by the hundred, and each would compile all of the desk anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test soak tamper check fix bench lock clean runtime dev assets

help: ## print this list
	@echo "Sealdesk: a support desk whose record stands up as evidence"
	@echo
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | while IFS='|' read -r name text; \
		do printf '%-14s %s\n' "$$name" "$$text"; done

run: runtime assets ## set everything up and run a demo desk at http://127.0.0.1:8000 (Ctrl-C ends it)
	@$(BIN)/sealdesk up --demo

test: dev assets ## run every test at moderate counts
	@$(PYTEST) $(SPREAD) $(ARGS)

soak: dev assets ## run every test at its full count (hours)
	@SEALDESK_COUNTS=full $(PYTEST) $(SPREAD) $(ARGS)

tamper: dev ## flip every byte of a small bundle, and see each caught
	@SEALDESK_COUNTS=full $(PYTEST) -m tamper $(ARGS)

check: dev assets ## check format, lint, types, import contracts, and that docs are in step
	@$(BIN)/ruff format --check --quiet || { echo "make fix sets the format right."; exit 1; }
	@$(BIN)/ruff check --quiet
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/python scripts/assets.py check
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(PYTEST) -q tests/shape

fix: dev ## set format and what lint can right by itself
	@$(BIN)/ruff check --fix --quiet; $(BIN)/ruff format --quiet

bench: dev assets ## measure, and print one table of ratios (QUICK=1 only sees that it runs)
	@$(BIN)/python -m bench $(if $(QUICK),--quick)

lock: ## write the locked requirement files anew from pyproject.toml (needs uv)
	@sh scripts/lock.sh

clean: ## remove what was installed and built; the desk's data stays
	@rm -rf .venv frontend/node_modules src/sealdesk/web/static/built .pytest_cache .ruff_cache .hypothesis

runtime dev:
	@test -n "$(PYTHON)" || { echo "Sealdesk needs Python 3.11 or newer: install python3 and python3-venv, then run make again." >&2; exit 1; }
	@$(PYTHON) scripts/environment.py $@

assets: | $(if $(filter test soak check bench,$(MAKECMDGOALS)),dev,runtime)
	@$(BIN)/python scripts/assets.py
