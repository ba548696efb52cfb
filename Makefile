# `make` lists what there is. Every target makes .venv first where it needs it.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: help demo test lint bench board cloud lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 15

demo: $(READY) ## Show the whole chain working on three virtual boards, each step measured
	@$(BIN)/fieldrec demo

test: lint ## Check style and types, then run all tests
	@$(BIN)/python -m pytest -q

lint: $(READY) ## Check style and types, of host code and of device code
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary --config-file mypy-device.ini

bench: $(READY) ## Measure what the specification puts numbers on
	@$(BIN)/python -m tests.bench

board: $(READY) ## Run a virtual board at ./board0, a serial port for mpremote
	@$(BIN)/fieldrec board run --port ./board0

cloud: $(READY) ## Run the update cloud with all its stores until Ctrl-C
	@$(BIN)/fieldrec cloud up

lock: ## Pin all dependencies anew with their hashes (needs uv)
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --python-version 3.11 --extra dev pyproject.toml -o requirements.lock
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --python-version 3.11 --group typings -o typings.lock

clean: ## Remove all that was made here, .venv included
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock typings.lock pyproject.toml tools/bootstrap.sh
	@tools/bootstrap.sh $(PYTHON)
