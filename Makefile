# The course's commands. `make book` and `make test` need python3 (3.10 or newer), make and a package
# index; everything else is installed into .venv, which is made first when it is missing or when
# requirements.txt or pyproject.toml has changed.

PYTHON ?= python3
BIN := .venv/bin
CHAPTERS = book/*.ipynb

.DELETE_ON_ERROR:
.PHONY: help book serve pdf bundle check test test-portability lint lab text notebook checkpoints bench clean

help:
	@echo "make book              build the book in _build/html"
	@echo "make serve             show the built book at an address of this machine, compressed"
	@echo "make pdf               print the built book into _build/dist/course.pdf (needs Chromium)"
	@echo "make bundle            pack book, data and code into one zip in _build/dist"
	@echo "make check             style, types and the quick tests: before every commit, a minute"
	@echo "make test              build the book and run every test"
	@echo "make lab               open the chapters in JupyterLab"
	@echo "make text              write every chapter as text to _build/text"
	@echo "make notebook NB=name  turn _build/text/name.md back into the chapter and execute it"
	@echo "make test-portability  re-run the chapters with the numerical kernels of other processors"
	@echo "make test-floor        test with the oldest versions that pyproject.toml promises"
	@echo "make test-newest       test with the newest versions there are"
	@echo "make links             look whether the other sites that the book points to are there"
	@echo "make lint              check the style and the types of the code"
	@echo "make checkpoints       train the networks in data/ again"
	@echo "make bench             measure speed and memory of the helpers"
	@echo "make clean             remove what make made"

# Whoever runs the chapters to check them gets the same settings: one thread (two are slower on a
# busy machine), no progress bars, and none of the reader's own Jupyter or Matplotlib settings.
# `make lab` keeps the reader's settings.
SETTINGS := $(CURDIR)/.venv/settings
CHECKED := book check test test-portability notebook checkpoints bench
$(CHECKED): export MPLCONFIGDIR := $(SETTINGS)/matplotlib
$(CHECKED): export IPYTHONDIR := $(SETTINGS)/ipython
$(CHECKED): export JUPYTER_CONFIG_DIR := $(SETTINGS)/jupyter
$(CHECKED): export JUPYTER_DATA_DIR := $(SETTINGS)/jupyter
check test test-portability notebook: export COURSE_PROGRESS := 0
check test notebook: export OMP_NUM_THREADS ?= 1
# Compiling every module again in every process takes longer than what many of them do.
unexport PYTHONDONTWRITEBYTECODE

.venv/stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("The course needs Python 3.10 or newer; this is " + sys.version.split()[0] + ". Try make PYTHON=python3.12 ..." if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv
	@echo "Installing the packages of requirements.txt in .venv (minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps -e .
	@# Fonts are looked up here: on a slow machine Matplotlib would report on it in a chapter's output.
	@MPLCONFIGDIR="$(SETTINGS)/matplotlib" $(BIN)/python -c "import matplotlib.font_manager"
	@touch $@

# From clean doctrees, so that a warning cannot hide in a page that is not read again.
book: .venv/stamp
	rm -rf _build/html _build/.doctrees
	$(BIN)/jupyter-book build . --all --warningiserror --nitpick --keep-going
	@echo
	@echo "The book is in _build/html/index.html. To read it with its search and its live parts, run"
	@echo "    make serve"
	@echo "and open http://127.0.0.1:8000/"

serve: .venv/stamp
	@$(BIN)/python scripts/serve.py

pdf: book
	$(BIN)/python scripts/make_pdf.py

bundle: book
	$(BIN)/python scripts/make_bundle.py

# A chapter is executed in order, in one process. One process more than there are cores, because a
# test of the browser, or of several processes, waits a part of its time.
WORKERS = $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile
NBVAL = --nbval --nbval-current-env --nbval-cell-timeout 3600 --nbval-sanitize-with tests/nbval_sanitize.cfg

# Neither the built site, nor a browser, nor a chapter, nor what the tests themselves call slow.
check: lint
	$(PYTEST) -p no:nbval -m "not site and not slow" tests

test: book
	$(PYTEST) $(NBVAL) --durations=15 tests $(CHAPTERS)

test-portability: .venv/stamp
	$(BIN)/python scripts/portability.py --options "$(NBVAL)" $(CHAPTERS)

# Each in an environment of its own: test-floor with the oldest versions that pyproject.toml promises,
# test-newest with the newest there are, but for the packages that build the book: these belong
# together. What depends on versions is what `helpers` and the chapters do; the site is not tested.
FLOOR := .venv-floor
NEWEST := .venv-newest
OTHERS := test-floor test-newest
OTHER_TESTS := $(patsubst %,tests/test_%.py,at_scale checks data foliation information models \
  navigation plotting torchvision training walk walls)
.PHONY: $(OTHERS)
test-floor: BIN := $(FLOOR)/bin
test-newest: BIN := $(NEWEST)/bin
$(OTHERS): export MPLCONFIGDIR = $(CURDIR)/$(dir $(BIN))settings/matplotlib
$(OTHERS): export IPYTHONDIR = $(CURDIR)/$(dir $(BIN))settings/ipython
$(OTHERS): export JUPYTER_CONFIG_DIR = $(CURDIR)/$(dir $(BIN))settings/jupyter
$(OTHERS): export JUPYTER_DATA_DIR = $(CURDIR)/$(dir $(BIN))settings/jupyter
$(OTHERS): export COURSE_PROGRESS := 0
$(OTHERS): export OMP_NUM_THREADS := 1

# What is older stands in one file; the rest of the other is taken as it is.
$(FLOOR)/requirements.txt: requirements-floor.txt requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("The oldest versions need Python 3.10, 3.11 or 3.12; this is " + sys.version.split()[0] + ". Try make test-floor PYTHON=python3.12" if not (3, 10) <= sys.version_info < (3, 13) else 0)'
	@mkdir -p $(@D)
	awk -F'[=; ]' 'NR == FNR {older[$$1]; print; next} !($$1 in older)' $^ >$@

$(NEWEST)/requirements.txt: requirements.txt
	@mkdir -p $(@D)
	sed -E '/^# To build the book/,/^$$/!s/==[^ ;]+//' $< >$@

$(NEWEST)/stamp: FORCE  # what is newest changes without us
FORCE:
$(FLOOR)/stamp $(NEWEST)/stamp: %/stamp: %/requirements.txt pyproject.toml
	$(PYTHON) -m venv $*
	@echo "Installing the packages of $< in $* (minutes the first time, some gigabytes) ..."
	$*/bin/python -m pip install --quiet --upgrade --no-compile --disable-pip-version-check -r $<
	$*/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps -e .
	@MPLCONFIGDIR="$(CURDIR)/$*/settings/matplotlib" $*/bin/python -c "import matplotlib.font_manager"
	@touch $@

# Old versions warn of what newer ones mended, and new ones of what the next will change: no error.
test-floor: $(FLOOR)/stamp
test-newest: $(NEWEST)/stamp
$(OTHERS):
	$(BIN)/python -m pip list --disable-pip-version-check | grep -iE "^(torch|numpy|scipy|scikit|matplotlib)"
	$(PYTEST) $(NBVAL) -W default -m "not site" $(OTHER_TESTS) $(CHAPTERS)

# Whether the pages that the book points to are still there. This asks other sites.
.PHONY: links
links: .venv/stamp
	$(BIN)/jupyter-book build . --all --builder linkcheck

lint: .venv/stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32

lab: .venv/stamp
	$(BIN)/jupyter lab book

text: .venv/stamp
	@mkdir -p _build/text
	@for chapter in $(CHAPTERS); do \
	  $(BIN)/jupytext --quiet --to md:myst --output "_build/text/$$(basename $$chapter .ipynb).md" $$chapter || exit 1; \
	done
	@echo "The chapters as text are in _build/text"

# --update keeps the ids and the metadata of cells that did not change.
notebook: .venv/stamp
	@test -f "_build/text/$(NB).md" || { echo "Usage: make notebook NB=name, for _build/text/name.md; make text writes it"; exit 1; }
	@test ! -f "book/$(NB).ipynb" -o "_build/text/$(NB).md" -nt "book/$(NB).ipynb" || { echo "book/$(NB).ipynb is newer than its text: make text first, or your edit there would be lost"; exit 1; }
	$(BIN)/jupytext --quiet --update --to ipynb --output "book/$(NB).ipynb" "_build/text/$(NB).md"
	$(BIN)/jupyter nbconvert --log-level WARN --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False \
	  --NotebookExporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor \
	  --CoalesceStreamsPreprocessor.enabled=True \
	  --ExecutePreprocessor.timeout=600 "book/$(NB).ipynb"
	@touch "_build/text/$(NB).md"

checkpoints: .venv/stamp
	$(BIN)/python scripts/make_checkpoints.py

# The libraries it compares with are needed nowhere else. They must not replace what is pinned.
bench: .venv/stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt -c requirements.txt
	$(BIN)/python bench/bench.py

clean:
	rm -rf _build .venv .venv-floor .venv-newest .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
