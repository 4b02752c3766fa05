# Every target sets up what it needs by itself, in this folder and in the user's cache folder; no root, nothing installed.

PYTHON ?=
ONCE ?=
TESTS ?= tests
# More than cores: most tests wait for a server, a lease or a clock.
WORKERS ?= 6
SOAK_MINUTES ?= 10
SEED ?=
CLUSTER ?=

export PYTHON
# Where nothing compiled is kept, each of the many processes that tests start would compile our modules anew.
unexport PYTHONDONTWRITEBYTECODE
run := .venv/bin/python

.PHONY: help setup servers demo test check versions docs faults soak bench clean

help:  ## show this
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: servers  ## tell the story of an alert on real servers, then stay up (ONCE=1: end by itself)
	@$(run) -m examples.demo $(if $(filter-out 0 no false,$(ONCE)),--once)

test: servers  ## run all tests (TESTS=tests/unit: some of them; WORKERS=2: so many side by side)
	@$(run) -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

check: setup  ## formatting, lint, types, and who may import whom
	$(run) -m ruff check
	$(run) -m ruff format --check
	$(run) -m mypy
	.venv/bin/lint-imports

versions:  ## write what versions.yml says into the scripts of the version checks
	@$(run) -m watchword.check_files.version_tables

docs: setup  ## write docs/checks from the files of the checks and their proofs
	@$(run) -m tests.integration.library_proofs.pages

faults: servers  ## the slow tests of faults alone
	@$(run) -m pytest -n $(WORKERS) --dist worksteal -m slow tests/faults

soak: faults  ## the slow tests of faults, then the long run (SOAK_MINUTES=10; SEED=7: what happens; CLUSTER=1: three NATS)
	@SOAK_MINUTES=$(SOAK_MINUTES) SEED=$(SEED) CLUSTER=$(CLUSTER) $(run) -m tests.soak

bench: servers  ## the measurements
	@$(run) -m bench

setup:  ## make .venv what requirements.lock says
	@sh scripts/bootstrap

servers: setup
	@$(run) -m examples.servers fetch --quiet

clean:  ## remove what the other targets made in this folder
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
