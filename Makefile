# Two commands for a fresh machine: `make demo` and `make test`. Both set up the environment first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
PEERS  := .venv-peers

.PHONY: demo test check bench format clean

demo: $(READY)
	$(BIN)/radcnn demo --out demo

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# radcnn beside its peers, which have an environment of their own; writes docs/benchmarks.md. ASTRA is GPL: it is here,
# as a peer, and never a dependency
bench: $(PEERS)/.installed
	$(PEERS)/bin/python benchmarks/bench.py

$(PEERS)/.installed: pyproject.toml constraints.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[peers,fast]' 'astra-toolbox>=2.3'
	touch $@

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(PEERS) demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
