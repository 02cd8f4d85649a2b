# Everything runs on a fresh machine with python3 and make. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
DAY := $(shell $(PYTHON) -c "from datetime import *; print((datetime.now(timezone.utc) - timedelta(days=1)).date())")
UI ?= 1
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras
export DAGSTER_HOME ?= $(CURDIR)/.dagster
# Runs Dagster, the dashboard and the model's server until Ctrl-C. With `exec`, SIGTERM reaches this process instead of a shell.
SERVE := $(BIN)/python -m tpch_assets.commands.serve
BROWSERS := chromium chromium-browser google-chrome chrome
# KiB of disk space that the tests need.
ROOM := 2097152
COUNT := import json, sys; print(*(f"{len(found)} {kind}" for kind, found in json.load(open(sys.argv[1])).items()), sep=", ")

.DEFAULT_GOAL := help
.PHONY: help install lock demo dev dashboard serve test test-long chaos chaos-proof check bench rates proof pictures image-check chromium clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

install: .venv/installed ## create .venv and install everything into it

# Install packages by hash from requirements/, and build the project itself with those packages. uv does it in a third of
# pip's time. Where only pip knows the way to the packages (a mirror in its own configuration), pip does it.
.venv/installed: pyproject.toml requirements/dev.txt requirements/uv.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes --requirement requirements/uv.txt
	$(UV) --require-hashes --requirement requirements/dev.txt || $(PIP) --require-hashes --requirement requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# Without UPGRADE, releases stay the same as far as pyproject.toml allows. `make lock UPGRADE=--upgrade` upgrades all
# packages, and `make lock UPGRADE='--upgrade-package dask'` upgrades one.
lock: install ## resolve the releases of all packages and write requirements/
	$(LOCK) $(UPGRADE) pyproject.toml --group dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --extra cloud --group build --constraints requirements/dev.txt --output-file requirements/image.txt
	$(LOCK) --group install --constraints requirements/dev.txt --output-file requirements/uv.txt
	$(LOCK) --group deploy --constraints requirements/dev.txt --output-file requirements/deploy.txt

# The calendar starts on the day before the first `make`, so that the demo replays yesterday and its data is fresh.
.env:
	echo "TPCH_START=$(DAY)" > $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	mkdir -p $(@D) && cp $< $@

demo: install .env $(DAGSTER_HOME)/dagster.yaml ## replay one day at scale factor 0.1, then serve the Dagster UI, the dashboard and the model (UI=0: stop after the replay)
	@if [ "$(UI)" != 0 ]; then exec $(SERVE) --check; fi
	$(BIN)/tpch-assets replay
	$(BIN)/tpch-assets show q01_pricing_summary
	@if [ "$(UI)" != 0 ]; then exec $(SERVE); fi

dev: install .env $(DAGSTER_HOME)/dagster.yaml ## run Dagster with schedules and sensors on, the dashboard and the model's server
	@exec env TPCH_AUTOMATION=true $(SERVE)

dashboard: install .env ## run only the dashboard, on http://127.0.0.1:5006
	@exec $(BIN)/python -m dashboards

serve: install .env ## run only the model's server, on http://127.0.0.1:8080
	@exec $(BIN)/python -m serving

# The code under test flushes thousands of small files to disk. /dev/shm makes that free, if it has enough space. Three
# processes share the test files, because tests spend a third of their time waiting for servers, browsers and processes.
test: install ## run the tests; without a browser, skip the dashboard's browser tests
	test -w /dev/shm && [ "$$(df -Pk /dev/shm | awk 'NR == 2 { print $$4 }')" -ge $(ROOM) ] && export TMPDIR=/dev/shm; \
		$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test-long: install ## run the tests that take minutes: days on S3 and in another order, docs/adapt.md, the short benchmark
	test -w /dev/shm && [ "$$(df -Pk /dev/shm | awk 'NR == 2 { print $$4 }')" -ge $(ROOM) ] && export TMPDIR=/dev/shm; \
		$(BIN)/python -m pytest -m 'long and not chaos' --numprocesses 3 --dist loadfile --no-loadscope-reorder

# The suite prints its seed; CHAOS_SEED=7 sets it. DAYS are those of the simulator.
chaos: install ## break everything that can break, and see that nothing is lost (docs/chaos.md)
	test -w /dev/shm && [ "$$(df -Pk /dev/shm | awk 'NR == 2 { print $$4 }')" -ge $(ROOM) ] && export TMPDIR=/dev/shm; \
		$(BIN)/python -m pytest tpch_assets_tests/chaos tpch_assets_tests/commands -m chaos --numprocesses 2 --dist worksteal && \
		$(BIN)/python -m tpch_assets_tests.chaos.simulator --jobs 2 --days $(or $(DAYS),600) $(if $(CHAOS_SEED),--first $(CHAOS_SEED))

chaos-proof: install ## make mistakes in a copy of the code, and see that tests notice (SHORT=1: some)
	$(BIN)/python -m tpch_assets_tests.chaos.proof $(if $(SHORT),--short)

# Dagster's own checks use a temporary DAGSTER_HOME, so they do not affect the checkout or anything that runs in it.
check: install ## check lint, types, import rules, and that Dagster loads the definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict --package tpch_assets
	$(BIN)/lint-imports --no-cache --no-logo
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && cp dagster.yaml "$$home" && export DAGSTER_HOME="$$home" && \
		$(BIN)/dg check defs && $(BIN)/dg list defs --json >"$$home/found" && $(BIN)/python -c '$(COUNT)' "$$home/found"

bench: install ## compare with other tools, and show where a replay's time goes
	$(BIN)/python -m benchmarks.import_time
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.parse
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.landing --files 8
	$(BIN)/python -m benchmarks.planning
	$(BIN)/python -m benchmarks.unordered
	$(BIN)/python -m benchmarks.model
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.serving --swaps 100

rates: install ## measure and save the rates that docs/scale.md plans with
	$(BIN)/python -m benchmarks.scale --keep benchmarks/scale/rates.json

proof: install ## replay a day at scale factor 1 and compare gold with the figures TPC publishes (SF=10: 20 minutes)
	$(BIN)/python -m benchmarks.proof --scale-factor $(or $(SF),1)

pictures: install ## take the README's pictures of the dashboard anew, from a replay of three days
	$(BIN)/python -m benchmarks.pictures

image-check: ## run the Containerfile's instructions in a folder, without a container engine (takes minutes)
	$(PYTHON) deploy/check_image.py

chromium: ## install a browser for the dashboard's tests, if there is none
	@for name in "$$BROWSER_PATH" $(BROWSERS); do command -v "$$name" >/dev/null && exit 0; done; \
		[ "$$(id -u)" = 0 ] && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core && \
		command -v chromium >/dev/null || \
		{ echo "No browser found, and none could be installed: run apt-get install chromium, or set BROWSER_PATH to a browser"; exit 1; }

clean: ## remove the lake, the Dagster instance and .env
	rm -rf lake .dagster .env
