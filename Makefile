# Every command a person needs; `make help` lists them. No logic of its own.
SHELL := /bin/bash
LAB ?= lab
DEPLOY_ENV ?= $(LAB)
PY := .venv/bin/python
export DEPLOY_ENV LAB
.DEFAULT_GOAL := help
.PHONY: help setup check rehearse rehearse-down test test-long verify bench

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: .venv/.ready ## install the locked dependencies into .venv (done by every other command)

.venv/.ready: requirements.lock pyproject.toml
	@if ! python3 -c 'import ensurepip' 2>/dev/null; then \
	  [ "$$(id -u)" = 0 ] || { echo "python3-venv is missing: run 'sudo apt-get install python3-venv', then make again" >&2; exit 1; }; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; fi
	@echo "Installing the locked dependencies into .venv"
	@rm -rf .venv && python3 -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

check: setup ## ruff, mypy and the project's own lints
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(PY) -m pytest -q tests/lints

