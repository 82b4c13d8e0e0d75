# make demo   set up .venv, run the workflow at scale demo, say where the report is
# make test   set up .venv, run all tests; make test PAPER=ia_gcn: those of one paper
# make lint   style, types, workflow
# make reproduce   run papers twice in fresh folders and compare, or with AGAINST=resources/bench once, beside
#             their published records; more config keys: make reproduce CONFIG=scale=bench
# make clean  remove what was made (not .venv)
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all

# the first Python that is new enough; or: make PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# On a machine without a GPU, pip may bring the larger CUDA build of torch, which also works there. To get the
# CPU build: make demo TORCH_INDEX=<address of PyTorch's CPU wheels>
TORCH := $(shell sed -n 's/^\(torch==.*\)/\1/p' envs/lock.txt)
TORCH_INDEX ?=

.PHONY: demo test lint reproduce clean env
.DEFAULT_GOAL := demo

env: $(VENV)/.installed

$(VENV)/.installed: envs/lock.txt envs/requirements.txt envs/no-deps.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one or run: make PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): about 2 GB, one to five minutes ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c envs/lock.txt -r envs/requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r envs/no-deps.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: env
	@$(BIN)/snakemake --cores $(CORES) --config scale=demo
	@echo
	@echo "The report: $(CURDIR)/results/demo/index.html"

test: env
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $${PYTEST_WORKERS:-2} --dist loadgroup $(PAPER:%=tests/papers/%)

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check workflow
	@$(BIN)/mypy
	@$(BIN)/snakemake --lint > /dev/null

reproduce: env
	@$(BIN)/snakemake check_reproducible --cores $(CORES) --config scale=demo \
		$(if $(AGAINST),against=$(AGAINST)) $(CONFIG); status=$$?; \
		cat $$(ls -t results/*/reproduce/verdicts.txt 2>/dev/null | head -1); exit $$status

clean:
	rm -rf results .snakemake .pytest_cache .ruff_cache .mypy_cache
