PY ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint readme
setup: .venv/.stamp
.venv/.stamp: pyproject.toml constraints.txt
	$(PY) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/aejax compare --output runs/demo --overwrite

test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .

readme: setup
	$(BIN)/python -m experiments.readme
