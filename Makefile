# Everything a fresh machine with python3 and make needs. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
DAY := $(shell $(PYTHON) -c "from datetime import *; print((datetime.now(timezone.utc) - timedelta(days=1)).date())")
UI ?= 1
export DAGSTER_HOME ?= $(CURDIR)/.dagster
# Dagster and the dashboard side by side, until Ctrl-C. `exec` makes make's SIGTERM reach it, not a shell.
SERVE := $(BIN)/python -m tpch_assets.commands.serve

.DEFAULT_GOAL := help
.PHONY: help install demo dev dashboard test check bench image-check chromium clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

install: .venv/installed ## make .venv and install everything in it

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# The calendar starts on the day before the first `make`, so that the demo's day is yesterday and all is fresh.
.env:
	echo "TPCH_START=$(DAY)" > $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	mkdir -p $(@D) && cp $< $@

demo: install .env $(DAGSTER_HOME)/dagster.yaml ## replay one day at scale factor 0.1, then leave the Dagster UI running (UI=0: stop after the replay)
	@if [ "$(UI)" != 0 ]; then exec $(SERVE) --check; fi
	$(BIN)/tpch-assets replay
	$(BIN)/tpch-assets show q01_pricing_summary
	@if [ "$(UI)" != 0 ]; then exec $(SERVE); fi

dev: install .env $(DAGSTER_HOME)/dagster.yaml ## Dagster with schedules and sensors switched on, and the dashboard
	@exec env TPCH_AUTOMATION=true $(SERVE)

dashboard: install .env ## only the dashboard, on http://127.0.0.1:5006
	@exec $(BIN)/python -m dashboards

# Tests flush thousands of small files to the disk for safety's sake; in memory that costs nothing. Two processes share
# the test files, since half of a test's time goes into waiting for servers, browsers and processes.
test: install chromium ## run every test
	TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo /tmp) $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: install ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install ## ours against peers, and where a replay's time goes
	$(BIN)/python -m benchmarks.import_time
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.planning
	$(BIN)/python -m benchmarks.scale

image-check: ## follow the Containerfile in a folder, where there is no container engine (minutes)
	$(PYTHON) deploy/check_image.py

chromium: ## install the browser that the dashboard's tests drive, where it is missing
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } || \
		{ echo "The dashboard's tests need chromium: apt-get install chromium"; exit 1; }

clean: ## remove the lake, the Dagster instance and .env
	rm -rf lake .dagster .env
