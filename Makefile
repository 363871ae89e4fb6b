# The menu. Needs make, a POSIX shell and Python 3.11 or newer; nothing else.

VENV ?= .venv
# Which Python makes the virtual environment; by default the first that will do.
PYTHON ?=
# How many processes run the tests, and what else pytest is to be told.
WORKERS ?= 2
TESTS ?=

BIN = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test lint format types messages screenshots lock venv install install-dev

help: ## Show this menu
	@echo "mailsvc: make <target>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo "Settings: docs/settings.md. Ports: PORT=8001 MAILCATCHER_PORT=2526 make run"

run: install ## Run all of mailsvc here: web, worker, mail catcher, demo data
	@exec $(BIN)/python manage.py serve --demo

test: install-dev ## Run all tests (TESTS="-k word" for some; DATABASE_URL, CACHE_URL)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  command -v google-chrome >/dev/null || \
	  echo "No Chromium is installed here: the browser tests will be skipped."
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -rfEs $(TESTS)

lint: install-dev ## Check style and form
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install-dev ## Put style and form right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install-dev ## Check types
	$(BIN)/mypy .

messages: install ## Collect the texts for the translators, compile what they wrote
	$(BIN)/python manage.py makemessages -l ru --no-obsolete --no-wrap --add-location file \
	  --ignore=".venv*" --ignore="var/*" --ignore="tests/*"
	$(BIN)/python manage.py compilemessages --ignore=".venv*"

screenshots: install-dev ## Make the pictures of docs/tour.md anew, of a demo, in Chromium
	$(BIN)/python -m tests.browser.tour

lock: install-dev ## Compile the requirements anew, with all versions and hashes
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" -o requirements.txt requirements.in
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" -o requirements-dev.txt requirements-dev.in
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" -o requirements-bench.txt requirements-bench.in

# --- Set-up: each step is skipped when it was done and nothing has changed ---

# Python's own python3 first, then by version; those that the tests know before others.
venv:
	@if $(BIN)/python -c 'import pip' 2>/dev/null; then exit 0; fi; \
	for limit in 14 99; do \
	  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    $$python -c "import sys, venv, ensurepip; \
	      sys.exit(not (3, 11) <= sys.version_info[:2] < (3, $$limit))" 2>/dev/null \
	      || continue; \
	    echo "Creating $(VENV) with $$($$python --version)…"; \
	    exec $$python -m venv --clear $(VENV); \
	  done; \
	done; \
	echo "mailsvc needs Python 3.11 or newer with its venv module, and found none as" \
	  "$(or $(PYTHON),python3, python3.13, python3.12 or python3.11)." >&2; \
	echo "Install one (Debian, Ubuntu: apt install python3-venv), or name it:" \
	  "make run PYTHON=/path/to/python3" >&2; \
	exit 1

# The copy of the lock file in the virtual environment tells what is installed there.
install: venv
	@cmp -s requirements.txt $(VENV)/requirements.txt || { \
	  echo "Installing what mailsvc needs, about a minute…"; \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes \
	    -r requirements.txt && cp requirements.txt $(VENV)/requirements.txt; }

install-dev: venv
	@cmp -s requirements-dev.txt $(VENV)/requirements-dev.txt || { \
	  echo "Installing what mailsvc and its tests need, about two minutes…"; \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes \
	    -r requirements-dev.txt && cp requirements.txt requirements-dev.txt $(VENV)/; }
