# `make demo` and `make test` need python3 (3.11 or newer) and this file: they build .venv with the tested versions.
# TensorFlow, which neural-tangents asks for, stays out: --no-deps here, [tool.uv] of pyproject.toml elsewhere.

PYTHON ?= $(firstword $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done))
BIN := .venv/bin
UV := $(BIN)/uv
PYTEST_ARGS ?= -n 2 --dist loadfile

# Newest JAX of the declared range; the newest that Python 3.11 runs is the pinned one. The oldest is in .venv-lowest.
JAX_NEWEST := 0.12.0.1
PYTHON_NEWER = $(firstword $(shell for p in python3.13 python3.12 $(wildcard $(HOME)/.pyenv/versions/3.1[23].*/bin/python3) $(PYTHON); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$p; done))
JAX_TESTS := $(addprefix tests/kernels/test_,neural_tangents.py analytic.py empirical.py)
LOWEST_TESTS := tests/test_package.py $(addprefix tests/,kernels equation commands prediction/test_particles.py)

.PHONY: demo test test-slow test-torch test-browser test-gpu test-jax test-lowest bench bench-gpu smoke shift falsify fuzz fuzz-api kills docs notebooks lint format coverage env clean

demo: env
	$(BIN)/lfp overlay --out demo

test: lint
	$(BIN)/pytest $(PYTEST_ARGS) --cov

test-slow: env
	$(BIN)/pytest -m slow

# Modules of torch, in an environment of its own: torch is large.
test-torch: .venv-torch/stamp
	.venv-torch/bin/pytest -q --no-cov -m "" -rs tests/networks/test_torch.py
	.venv-torch/bin/pytest -q --no-cov -m "" tests/test_readme.py -k networks.md

# The page of `lfp explore` in headless Chromium; skipped where there is none. Pictures of all scenes: LFP_SHOTS=FOLDER
test-browser: env
	@$(BIN)/python -m tests.explorer.browser

# Every program on the GPU against the CPU; skipped where there is none.
test-gpu: .venv/gpu-stamp
	$(BIN)/pytest -m gpu -rs

# Every benchmark against its peers, and a table of ratios, bench/table.md; some of them: make bench ONLY="products spectra"
bench: env
	@$(UV) pip install --quiet --python $(BIN)/python --group bench
	$(BIN)/python -m lfp.harness.bench bench $(ONLY)

# The table of docs/performance.md; where no GPU is found it says so, and make ends with 2.
bench-gpu: .venv/gpu-stamp
	@$(BIN)/python benchmarks/gpu.py --write docs/performance.md

# Every experiment with small settings.
smoke: env
	$(BIN)/lfp experiment run all --smoke --out $(or $(OUT),$(shell mktemp -d))

# Every experiment with all seeds shifted: make shift S=1000
shift: env
	$(BIN)/lfp experiment run all --seed $(S) --out $(or $(OUT),results)

# Searches for true errors above the stated ones, at most 20 minutes on two cores: make falsify SEED=2
falsify: env
	$(BIN)/python -m tests.falsify $(or $(SEED),1)

# A thousand wrong calls of the public API and a thousand odd but right ones: make fuzz-api SEED=2
fuzz-api: env
	$(BIN)/python -m tests.fuzz $(or $(SEED),1)

# Two thousand command lines, five hundred files, a hundred processes, and every option where it may not apply: make fuzz SEED=2
fuzz: env
	$(BIN)/python -m tests.fuzz.commands $(or $(SEED),1)

# Kills, damaged files, races, signals, full disks, 100 points of a sweep, at most 20 minutes on two cores: make kills SEED=2
kills: env
	$(BIN)/python -m tests.kills $(or $(SEED),1)

docs: .venv/docs-stamp
	$(BIN)/mkdocs build --strict --quiet --site-dir site

# In full, two at a time; LFP_SMALL=1 runs small networks and few steps.
notebooks: .venv/docs-stamp
	printf '%s\n' notebooks/*.ipynb | xargs -P 2 -n 1 $(BIN)/jupyter-execute --timeout 600

# Kernels, solvers, particles and commands on the lowest versions that pyproject.toml declares.
test-lowest: .venv-lowest/stamp
	.venv-lowest/bin/pytest $(PYTEST_ARGS) $(LOWEST_TESTS)

test-jax: .venv-lowest/stamp
	@echo "the lowest JAX:"
	.venv-lowest/bin/pytest -q -m "" $(JAX_TESTS)
	@$(if $(PYTHON_NEWER),$(MAKE) --no-print-directory test-jax-$(JAX_NEWEST) JAX_PYTHON=$(PYTHON_NEWER),\
		echo "JAX $(JAX_NEWEST) wants Python 3.12 and none was found: the pinned JAX instead" && $(BIN)/pytest -q -m "" $(JAX_TESTS))

test-jax-%: .venv-jax-%/stamp
	@echo "JAX $*:"
	.venv-jax-$*/bin/pytest -q -m "" $(JAX_TESTS)

lint: env
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

format: env
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

coverage: env
	$(BIN)/pytest $(PYTEST_ARGS) --cov --cov-report=html

env: .venv/stamp

.venv/stamp: pyproject.toml requirements-tested.txt
	@test -n "$(PYTHON)" || { echo "lfp needs Python 3.11 or newer" >&2; exit 1; }
	@echo "building .venv"
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv; }
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps -r requirements-tested.txt -e .
	@touch $@

.venv/docs-stamp: requirements-docs.txt .venv/stamp
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -r requirements-docs.txt
	@touch $@

# JAX of the same version that sees GPUs, where the driver says that there is one.
.venv/gpu-stamp: .venv/stamp
	@! command -v nvidia-smi >/dev/null || $(UV) pip install --quiet --python $(BIN)/python \
		"jax[cuda12]==$$($(BIN)/python -c 'import jax; print(jax.__version__)')"
	@touch $@

# Of torch whatever build is at hand, one for the CPU first.
.venv-torch/stamp: pyproject.toml requirements-tested.txt .venv/stamp
	@echo "building .venv-torch"
	@$(UV) venv --quiet --clear --no-python-downloads --python $(PYTHON) $(@D)
	@$(UV) pip install --quiet --python $(@D)/bin/python --no-deps -r requirements-tested.txt -e .
	@$(UV) pip install --quiet --python $(@D)/bin/python torch==2.13.0 torchax==0.0.13
	@touch $@

# The resolver of `uv pip` reads [tool.uv] of this folder, which keeps TensorFlow out here too.
.venv-jax-%/stamp: pyproject.toml .venv/stamp
	@echo "building .venv-jax-$*"
	@$(UV) venv --quiet --clear --no-python-downloads --python $(JAX_PYTHON) $(@D)
	@$(UV) pip install --quiet --python $(@D)/bin/python --group test -e . jax==$*
	@touch $@

.venv-lowest/stamp: pyproject.toml .venv/stamp
	@echo "building .venv-lowest"
	@$(UV) venv --quiet --clear --no-python-downloads --python $(PYTHON) $(@D)
	@$(UV) pip install --quiet --python $(@D)/bin/python --resolution lowest-direct --group test -e .
	@touch $@

.PRECIOUS: .venv-jax-%/stamp

clean:
	rm -rf .venv .venv-jax-* .venv-lowest .venv-browser .pytest_cache .ruff_cache .import_linter_cache .coverage htmlcov demo site
	find . -name __pycache__ -prune -exec rm -rf {} +
