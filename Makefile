# Every command a person needs; `make help` lists them. No logic of its own.
SHELL := /bin/bash
LAB ?= lab
DEPLOY_ENV ?= $(LAB)
PY := .venv/bin/python
# Slow files of hosts first, as they are collected: the small ones fill the gaps at the end.
PARALLEL ?= -n 3 --dist loadfile --no-loadscope-reorder
export DEPLOY_ENV LAB
.DEFAULT_GOAL := help
.PHONY: help setup check rehearse rehearse-down test test-long verify bench bench-stories
.PHONY: gateway-diff gateway-policy rollback test-image

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: .venv/.ready ## install the locked dependencies into .venv (done by every other command)

.venv/.locked: requirements.lock
	@if ! python3 -c 'import ensurepip' 2>/dev/null; then \
	  [ "$$(id -u)" = 0 ] || { echo "python3-venv is missing: run 'sudo apt-get install python3-venv', then make again" >&2; exit 1; }; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; fi
	@echo "Installing the locked dependencies into .venv"
	@$(PY) -c '' 2>/dev/null || { rm -rf .venv && python3 -m venv .venv; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.ready: .venv/.locked pyproject.toml
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(PY) -m compileall -q deploys inventories story_services # pyinfra itself never writes these
	@touch $@

check: setup ## ruff, mypy and the project's own lints
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(PY) -m pytest -q tests/lints

test: check ## every test tier, rehearsal hosts included; cleans up after itself
	@[ "$$(id -u)" = 0 ] || { echo "tests boot rehearsal hosts, which needs root: sudo make test" >&2; exit 1; }
	$(PY) -m pytest -q -m "not long and not hosts" --ignore=tests/lints $(PARALLEL)

test-long: check ## the exhaustive sweeps on top
	@[ "$$(id -u)" = 0 ] || { echo "tests boot rehearsal hosts, which needs root: sudo make test-long" >&2; exit 1; }
	$(PY) -m pytest -q -m "not hosts" --ignore=tests/lints $(PARALLEL)

# In the environment and as it is: neither make nor a shell reads what the name says.
test-image: export FOUNTAINAI_IMAGE = $(value IMAGE)
test-image: setup ## test an image of the services that the local Docker has (IMAGE=name:tag)
	@$(PY) -m pytest tests/image -m image -q -p no:cacheprovider $(TEST_IMAGE)

bench: setup ## measure against stock pyinfra and Ansible, as ratios
	$(PY) -m benchmarks.converge $(BENCH)

bench-stories: setup ## measure the story services against the search node below them
	$(PY) -m benchmarks.stories $(BENCH)

rehearse: setup ## the main job from nothing in a lab (LAB=name); the hosts stay
	@$(PY) -m inventories.lab.rehearsal --name $(LAB)

rehearse-down: setup ## remove the lab (LAB=name) completely
	@.venv/bin/rehearse down --name $(LAB)

verify: setup ## test the hosts of DEPLOY_ENV (default: the lab) as they are
	@$(PY) -m pytest tests/hosts -m hosts -q -p no:cacheprovider $(VERIFY)

gateway-diff: setup ## what a converge would change at the gateways of DEPLOY_ENV; 2 is "something"
	@$(PY) -m deploys.gateway.command

gateway-policy: setup ## what holds for each operation at the gateway
	@$(PY) -m deploys.gateway.effective

rollback: setup ## go back to what served before on the hosts of DEPLOY_ENV (ROLE=app)
	@[ "$(ROLE)" = app ] || { echo "say what goes back: make rollback ROLE=app" >&2; exit 1; }
	@.venv/bin/pyinfra inventory.py deploys/app.py -y --data rollback=yes
