# `make` lists what there is. Every target makes .venv first where it needs it.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
MAKEFLAGS += -j2

.PHONY: help demo test lint style types types-device types-rig long hil powercut bench board cloud lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 15

demo: $(READY) ## Show the whole chain working on three virtual boards, each step measured
	@$(BIN)/fieldrec demo

test: lint ## Check style and types, then run all tests
	@$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

lint: style types types-device types-rig ## Check style and types, of host code and of device code

style: $(READY)
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .

types: $(READY)
	@$(BIN)/mypy --no-error-summary --num-workers 2

types-device types-rig: types-%: $(READY)
	@$(BIN)/mypy --no-error-summary --config-file mypy-$*.ini

hil: $(READY) ## Run the hardware-in-the-loop tests on the virtual rig; the report is build/hil/hil-report.html
	@$(BIN)/python -m pytest -m "" tests/hil tests/rig_plugin/test_moved_thresholds.py

long: $(READY) ## Run the tests that take long, which `make test` leaves out
	@$(BIN)/python -m pytest -q -m long

powercut: $(READY) ## Cut the power at every flash operation of an update, and again while it recovers
	@$(BIN)/python -m tests.powercut

bench: $(READY) ## Measure what the specification puts numbers on
	@$(BIN)/python -m tests.bench

board: $(READY) ## Run a virtual board at ./board0, a serial port for mpremote, and its panel in the browser
	@$(BIN)/fieldrec board panel --port ./board0 & panel=$$!; trap "kill $$panel" EXIT; \
	  $(BIN)/fieldrec board run --port ./board0

cloud: $(READY) ## Run the update cloud with all its stores until Ctrl-C
	@$(BIN)/fieldrec cloud up

lock: ## Pin all dependencies anew with their hashes (needs uv)
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --python-version 3.11 --extra dev pyproject.toml -o requirements.lock
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --python-version 3.11 --group typings -o typings.lock
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --python-version 3.11 --group typings-rp2 -o typings-rp2.lock
	$(BIN)/python -m cloud.deploy.lock

clean: ## Remove all that was made here, .venv included
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock typings.lock typings-rp2.lock pyproject.toml tools/bootstrap.sh
	@tools/bootstrap.sh $(PYTHON)
