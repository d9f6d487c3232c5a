# Everything a person or CI calls. Variables: PORT, DEMO=0, PYTHON, BROWSER=0.
PYTHON  ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
PORT    ?= 8000
DEMO    ?= 1
BROWSER ?= 1

VENV    := .venv/bin/python

# Settings are read, nothing is connected to: for checks that need no service.
NO_SERVICES := COUNTERSIGN_SECRET_KEY=none DATABASE_URL=postgresql://none@localhost/none REDIS_URL=redis://localhost

.PHONY: run test lint lock bench third-party
.SILENT:

# $(call installed,LOCK): .venv holds what LOCK says. Nothing happens while lock and place are the same.
define installed
	if ! { pwd; cat $(1); } | cmp -s - .venv/$(1).installed; then \
	  "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	    { echo "Python 3.11 was not found: apt install python3.11 python3.11-venv, or name it with PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	  "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo "The venv module of $(PYTHON) is missing: apt install python3.11-venv" >&2; exit 1; }; \
	  echo "Installing $(1) into .venv (about a minute, once)"; \
	  "$(PYTHON)" -m venv .venv && \
	  $(VENV) -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r $(1) && \
	  $(VENV) -m pip install --quiet --no-input --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	  { pwd; cat $(1); } > .venv/$(1).installed; \
	fi
endef

run:
	$(call installed,requirements.lock)
	exec $(VENV) -m countersign.embedded run --port "$(PORT)" $(if $(filter 0,$(DEMO)),--no-demo)

test:
	$(call installed,requirements-dev.lock)
	$(need_libgomp)
	$(if $(filter 0,$(BROWSER)),,$(need_chromium))
	$(NO_SERVICES) $(VENV) manage.py check
	$(VENV) -m pytest -n 2 --dist loadgroup -q $(if $(filter 0,$(BROWSER)),--ignore=tests/browser)

# LightGBM's library is linked against it and does not bring it.
define need_libgomp
	if command -v ldconfig >/dev/null && ! ldconfig -p | grep -q 'libgomp\.so\.1'; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    { apt-get install -y -q libgomp1 || { apt-get update -q && apt-get install -y -q libgomp1; }; } >&2; \
	  else \
	    echo "LightGBM models need libgomp.so.1: apt install libgomp1" >&2; exit 1; \
	  fi; \
	fi
endef

define need_chromium
	if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    { apt-get install -y -q chromium || { apt-get update -q && apt-get install -y -q chromium; }; } >&2; \
	  else \
	    echo "The browser tests need Chromium: apt install chromium, or leave them out with BROWSER=0" >&2; exit 1; \
	  fi; \
	fi
endef

lint:
	$(call installed,requirements-dev.lock)
	$(VENV) -m ruff check
	$(VENV) -m ruff format --check
	$(NO_SERVICES) $(VENV) -m mypy
	$(VENV) .venv/bin/lint-imports

bench:
	$(call installed,requirements-dev.lock)
	$(VENV) -m benchmarks

third-party:
	$(call installed,requirements-dev.lock)
	$(need_libgomp)
	$(VENV) -m tests.third_party

lock:
	command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --group build -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
