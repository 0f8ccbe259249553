# Two commands set a fresh machine up and do all:
#   make demo   an environment, an installation, then a model watched on the embedded broker while its data drifts
#   make test   the same, then a real Kafka (where Java and Maven are at hand) and Prometheus, every check and every test

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
CODE   := src tests $(wildcard scripts/*.py benchmarks examples)
MAKEFLAGS += --no-print-directory

# Tests run in two processes side by side, file by file: most tests with a broker wait more than they work. Deadlines in
# tests are for a quiet machine; here they are multiplied, which takes no time unless a test fails.
JOBS   ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
DRIFTLINE_TEST_PATIENCE ?= 4

export PYTHON DRIFTLINE_TEST_PATIENCE

.DEFAULT_GOAL := help
ORACLE ?= build/estimation
.PHONY: help demo test checks lint format unit chaos bench bench-calibration bench-detection bench-estimation bench-late-labels schemas clean

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# The stamps are older than what they depend on exactly when something has to be installed anew.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing driftline into $(VENV)"
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing the tools for tests and checks"
	@$(PIP) --no-build-isolation -e '.[test,dev]'
	@touch $@

demo: $(VENV)/.run  ## watch a model drift on the embedded broker
	$(BIN)/driftline demo

test: $(VENV)/.dev  ## every check and test, with a real Kafka where it can be had
	scripts/with-kafka $(MAKE) checks

checks: lint
	$(PYTEST) --durations=15

lint: $(VENV)/.dev  ## ruff, mypy and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/mypy scripts/kafka
	$(BIN)/lint-imports

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

bench-detection: $(VENV)/.dev  ## false alarms of unchanged models, and detection delays: docs/detection.md
	$(BIN)/python -m benchmarks.detection

bench-estimation: $(VENV)/.dev  ## estimates before labels beside NannyML's, which ORACLE holds: docs/estimation.md
	$(BIN)/python -m benchmarks.estimation $(ORACLE) --write

bench-late-labels: $(VENV)/.dev  ## labels up to three months late: exact results, kills, memory: docs/late-labels-benchmark.md
	REQUIRE_KAFKA=1 scripts/with-kafka $(BIN)/python -m benchmarks.late_labels

schemas: $(VENV)/.run  ## write the JSON Schemas, the configuration reference, the list of metrics and the dashboards
	$(BIN)/python scripts/generate_schemas.py
	$(BIN)/python scripts/configuration_reference.py
	$(BIN)/python scripts/metrics_reference.py
	$(BIN)/python scripts/dashboards.py

clean:  ## stop the broker, remove the environment and what was built
	$(PYTHON) scripts/kafka down
	rm -rf $(VENV) build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
