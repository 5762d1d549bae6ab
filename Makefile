# Two commands matter: `make demo` and `make test`. Each sets up .venv by itself the first time.
VENV   := .venv
MINUTES ?= 30
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TRIED  := python3.13 python3.12 python3.11 python3 python

.PHONY: demo test test-slow cluster soak test-evening test-all lint docs browser pictures mutants format bench clean

demo: $(READY)
	$(BIN)/tuner demo

test: $(READY)  ## two processes, each with its files
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(READY)  ## what takes minutes: killed drivers, all families, a cluster, a browser; says what it skips
	$(BIN)/python -m pytest -rs -n 2 --dist loadfile -m "slow and not docs and not evening"

cluster: $(READY)  ## of test-slow, what needs Ray or PostgreSQL, each of which the tests start, on loopback
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "cluster and not evening"

soak: $(READY)  ## eight slots whose driver, workers, nodes and servers are killed at random; MINUTES=5 for a short one
	$(BIN)/python tests/soak --minutes $(MINUTES)

test-evening: $(READY)  ## what is too long for CI: drivers killed ten times, simulations of many studies
	$(BIN)/python -m pytest -n 2 --dist load -m evening

docs: $(READY)  ## the pages as a site in build/site, and their code, and the examples, as they stand
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	$(BIN)/python -m pytest -n 2 --dist load -m docs

browser: $(READY)  ## of test-slow, what a person sees in Chromium; says so where there is none
	$(BIN)/python -m pytest -rs -m slow tests/tuner/tracking/test_browser.py

pictures: $(READY)  ## the pages of the demo, for the documents
	$(BIN)/python docs/pictures.py

mutants: $(READY)  ## small lies in the code, each of which a test must notice
	$(BIN)/python tests/mutants.py

test-all: $(READY)  ## the slow tests too (many minutes)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m ""

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## KerasTuner is installed for the comparison only
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

# The newest Python that runs is taken; a shim on the PATH that does not run is passed over.
$(READY): pyproject.toml constraints.txt
	@set -e; python=""; \
	for name in $(PYTHON) $(TRIED); do \
	    if "$$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; \
	    then python="$$name"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 found. Tried: $(PYTHON) $(TRIED). Install one, or say which: make PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version) (about 4 GB, a few minutes, once)"; \
	"$$python" -m venv --clear $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'; \
	touch $(READY)

clean:
	rm -rf $(VENV) runs build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
