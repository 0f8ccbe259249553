# make demo   set up an environment, then watch a model drift on the embedded broker
# make test   set up an environment, start a real Kafka where Java and Maven are at hand, then every check and test

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -c constraints.txt -e .
	touch $@

demo: $(VENV)/.run  ## simulated traffic, a drift and its alert, on the embedded broker
	$(BIN)/driftline demo
