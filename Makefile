# Everything a reader or contributor does, from nothing but Python >= 3.11 and make.
# Each target sets up what it needs: an environment, uv in it, the packages of its lock, the project itself. There are two: .venv
# runs chapters and tests, and holds torch; .venv-book builds pages, and is a ninth of its size.

PYTHON   ?= python3
CHAPTERS ?=
BUDGET   ?=
RECORD   ?=
SEEDS    ?= 2
STRETCH  ?= 3
AGAIN    ?=
WORKERS  ?= 2

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
VENV_BOOK  := .venv-book
BIN_BOOK   := $(VENV_BOOK)/bin
READY_BOOK := $(VENV_BOOK)/.ready
# Paths here are relative, so that the folder above may have any name, with spaces and umlauts.
# One thread a worker: two workers with two threads each would fight over two cores.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
# What a GPU would compute in other types: tested twice, the second time so.
ON_A_GPU := tests/losses tests/training tests/test_comparison.py

LOCK := $(BIN_BOOK)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --upgrade

.DEFAULT_GOAL := help
.PHONY: help setup book handout pdf notebooks draw pictures test quick lab run replicate leaderboard imitate-gpu lint format bench lock clean distclean

help:  ## print this list
	@echo "make TARGET"
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' Makefile
	@echo
	@echo 'make run CHAPTERS="book/vae/5_variational_autoencoders.ipynb" BUDGET=cpu'
	@echo 'make run CHAPTERS=vae/5 BUDGET=gpu RECORD=1     keep what becomes of the claims, leave the stored outputs'
	@echo 'make replicate CHAPTERS=vae/5 SEEDS=2 STRETCH=3 AGAIN=1    and replace what was recorded'

setup: $(READY)  ## create .venv and install the locked packages (every target makes the environment that it needs)

$(READY): requirements.lock
$(READY_BOOK): requirements-book.lock
$(READY) $(READY_BOOK): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": set PYTHON=python3.x")'
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@test -x $(@D)/bin/uv || $(@D)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(@D)/bin/uv pip sync --quiet --python $(@D)/bin/python --require-hashes --compile-bytecode $(filter %.lock,$^)
	$(@D)/bin/uv pip install --quiet --python $(@D)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

book: $(READY_BOOK)  ## build the book from the stored outputs: _build/html/index.html
	@test -e _build/complete || rm -rf _build/.doctrees  # what Sphinx keeps of a failed build hides its warnings from the next
	@rm -f _build/complete
	$(BIN_BOOK)/jupyter-book build . -W --keep-going --quiet
	@touch _build/complete
	@$(BIN_BOOK)/python -c 'import pathlib; print("open", pathlib.Path("_build/html/index.html").resolve().as_uri())'

handout: $(READY_BOOK)  ## the book without solutions, for a class, from the stored outputs: _build/handout/html/index.html
	$(BIN_BOOK)/python tools/handout.py

pdf: book  ## the whole book as one PDF, printed by Chromium: _build/pdf/deep_generative_models_executed.pdf
	$(BIN_BOOK)/python tools/pdf.py

notebooks: book  ## the chapters as plain notebooks for Colab, Kaggle, VS Code and GitHub: _build/notebooks
	$(BIN_BOOK)/python tools/plain.py

draw: $(READY)  ## draw the pictures of the page about the drawn data anew, and store them
	$(ONE_THREAD) $(BIN)/python tools/draw.py

pictures: book  ## take the pictures of the README anew from the built pages, in Chromium
	$(BIN_BOOK)/python tools/pictures.py

test: $(READY) lint  ## all tests: library, book, pages in Chromium, every chapter at the smoke budget
	$(ONE_THREAD) $(BIN)/python -m pytest tests -n $(WORKERS) --dist loadgroup
	$(ONE_THREAD) NBDGM_IMITATE_GPU=1 $(BIN)/python -m pytest $(ON_A_GPU) -n $(WORKERS) --dist loadgroup
	$(ONE_THREAD) NBDGM_BUDGET=smoke $(BIN)/python -m pytest --nbval book -n $(WORKERS) --dist loadscope

quick: $(READY) lint  ## the fast tests only
	$(ONE_THREAD) $(BIN)/python -m pytest tests -n $(WORKERS) --dist loadgroup -m "not slow and not pages"

lint: $(READY)  ## style only: ruff, nothing is changed
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .

format: $(READY)  ## format and fix what ruff can
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

lab: $(READY)  ## open JupyterLab on a copy of the chapters, in lab/
	@$(BIN)/python tools/lab.py
	$(BIN)/jupyter lab --notebook-dir=lab $(if $(filter 0,$(shell id -u)),--allow-root)

run: $(READY)  ## execute chapters and store their outputs: CHAPTERS="..." (default: the changed ones) BUDGET=smoke|cpu|gpu
	$(BIN)/python tools/execute.py $(if $(BUDGET),--budget $(BUDGET)) $(if $(filter-out 0,$(RECORD)),--record) $(CHAPTERS)

replicate: $(READY)  ## run chapters with other seeds, once also longer, keep what becomes of claims: CHAPTERS="..." SEEDS=2 STRETCH=3
	$(BIN)/python tools/replicate.py $(if $(BUDGET),--budget $(BUDGET)) --seeds $(SEEDS) --stretch $(STRETCH) \
		$(if $(filter-out 0,$(AGAIN)),--again) $(CHAPTERS)

leaderboard: $(READY)  ## the table of "Side by side" with more seeds, for the page of the leaderboard: SEEDS=2 further runs
	$(BIN)/python tools/leaderboard.py --seeds $(SEEDS)

imitate-gpu: $(READY)  ## run CHAPTERS (default: all) at smoke with the types that a GPU would give them
	$(ONE_THREAD) $(BIN)/python tools/imitate_gpu.py $(CHAPTERS)

bench: $(READY)  ## speed, as ratios measured side by side
	$(BIN)/python benchmarks/run.py

lock: $(READY_BOOK)  ## resolve requirements.lock and requirements-book.lock anew from pyproject.toml
	$(LOCK) --extra book --extra test pyproject.toml --output-file requirements.lock
	$(LOCK) --group pages --constraint requirements.lock --output-file requirements-book.lock

clean:  ## remove what was built
	rm -rf _build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './$(VENV_BOOK)/*' -prune -exec rm -rf {} +

distclean: clean  ## remove the environments as well
	rm -rf $(VENV) $(VENV_BOOK)
