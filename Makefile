# Everything uses one virtual environment, .venv. It is created if missing, and updated after the requirements changed.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# Adds the command `roboreg` to .venv/bin without network access: setuptools is installed with torch.
INSTALL_COMMAND := $(PIP) install --quiet --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.PHONY: help install run test test-isa lint type check ci

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed-dev ## Create .venv with everything for running, testing and checking

run: $(VENV)/.installed ## Start the dashboard on http://localhost:8501
	$(PY) -m streamlit run app.py

# One process per core, one thread per process: threads that share cores wait for each other.
test: $(VENV)/.installed-dev ## Run all tests, including those in the browser
	OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Tests of sums of floats, which depend on the instruction set of torch, oneDNN, MKL and numpy's OpenBLAS.
NUMERICAL := tests/pruning tests/training tests/evaluation tests/models tests/correlation tests/prediction tests/search \
	tests/sweeps/test_grid.py tests/sweeps/test_points.py tests/sweeps/test_shared_prefix.py \
	tests/datasets/test_augmentation.py tests/datasets/test_augmentation_statistics.py \
	tests/networks/test_uploaded_weights.py tests/runs/test_preview.py
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell
AVX512 := ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_ENABLE_INSTRUCTIONS=AVX512 \
	OPENBLAS_CORETYPE=SkylakeX
NUMERICAL_TESTS := OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(NUMERICAL)

test-isa: $(VENV)/.installed-dev ## Run the numerical tests with AVX2, with AVX-512 and with all instructions of the processor
	@if grep -qw avx2 /proc/cpuinfo; then $(AVX2) $(NUMERICAL_TESTS); else echo "This processor has no AVX2."; fi
	@if grep -qw avx512f /proc/cpuinfo; then $(AVX512) $(NUMERICAL_TESTS); else echo "This processor has no AVX-512."; fi
	$(NUMERICAL_TESTS)

lint: $(VENV)/.installed-dev ## Check format and style
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

type: $(VENV)/.installed-dev ## Check types
	$(PY) -m mypy

check: lint type test ## lint, type and test

ci: ## For the build machine: verify the environment, clear caches, then check
	.ci/run

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/pip
	$(PIP) install -r requirements.txt
	$(INSTALL_COMMAND)
	@touch $@

# The second file includes the first, so both stamps are true after it.
$(VENV)/.installed-dev: requirements.txt requirements-dev.txt pyproject.toml | $(VENV)/bin/pip
	$(PIP) install -r requirements-dev.txt
	$(INSTALL_COMMAND)
	@touch $(VENV)/.installed $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python must be 3.11 or newer, got $$($(PYTHON) --version 2>&1); name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module must be complete; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
