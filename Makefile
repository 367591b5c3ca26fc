# Two commands carry you: `make up` runs everything, `make test` proves it. Paths here are relative: the project's own
# may hold spaces, which make cannot carry.
PYTHON ?= python3
VENV := .venv/bin/python
QUIET_HOME := TOWPATH_HOME=var/check

.DEFAULT_GOAL := help
.PHONY: help up backup restore test check bench campaign pictures lock format

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

up: ## install what is missing and run Towpath until Ctrl-C (TOWPATH_HOME, TOWPATH_BIND, DATABASE_URL, REDIS_URL)
	@$(PYTHON) config/up/install.py $(if $(OTEL_EXPORTER_OTLP_ENDPOINT),tracing,server)
	@$(VENV) -m config.up

backup: ## put all that an installation keeps into one file, also while it runs (FILE, TOWPATH_HOME)
	@$(PYTHON) config/up/install.py server
	@$(VENV) -m config.up.backup "$(FILE)"

restore: ## make an installation of a backup, in a home that has none (FILE, TOWPATH_HOME)
	@$(PYTHON) config/up/install.py server
	@$(VENV) -m config.up.restore "$(FILE)"

test: ## run all tests on real servers, processes and a real browser
	@$(PYTHON) config/up/install.py dev browser
	@$(VENV) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --session-timeout 3000

check: ## format, lint, types, imports, migrations, generated documents, house rules
	@$(PYTHON) config/up/install.py dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy config projects environments towpath
	.venv/bin/lint-imports
	$(QUIET_HOME) $(VENV) manage.py makemigrations --check --dry-run
	$(VENV) -m pytest -q tests/house

bench: ## measure, write docs/performance.md, fail over a gate
	@$(PYTHON) config/up/install.py dev
	$(VENV) -m tests.benchmarks

campaign: ## break every program at every point of a deployment, write docs/reliability.md, fail where something stayed broken
	@$(PYTHON) config/up/install.py dev browser
	$(VENV) -m tests.campaign

pictures: ## take the pictures of docs/screenshots anew
	@$(PYTHON) config/up/install.py dev browser
	$(VENV) -m tests.pictures

format: ## format the code and mend what lint can mend
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

lock: ## compile requirements.txt, requirements-tracing.txt and requirements-dev.txt from pyproject.toml
	@$(PYTHON) config/up/install.py dev
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra server --extra worker -o requirements.txt pyproject.toml
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra server --extra worker --extra tracing -c requirements.txt -o requirements-tracing.txt \
	  pyproject.toml
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra server --extra worker --extra tracing --extra dev -c requirements-tracing.txt \
	  -o requirements-dev.txt pyproject.toml
