PY ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint readme docs
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
	$(BIN)/python -m experiments.notebook

docs: .venv/.docs
	$(BIN)/python -m sphinx -W --keep-going -j auto -b html docs build/site
	@echo "the site: $(CURDIR)/build/site/index.html"
.venv/.docs: .venv/.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@
