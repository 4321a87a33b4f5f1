# Each target sets up what it needs: a virtual environment in .venv with the tested versions.
# The jobs in .github/workflows/ call these targets, so that what runs there is what runs here.
PYTHON ?= python3
VENV ?= .venv
VENV_MIN ?= .venv-min
VENV_NEW ?= .venv-new
VENV_WHEEL ?= .venv-wheel
DEMO ?= demo-output
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
DOCS_VENV ?= .venv-docs
DOCS_STAMP = $(DOCS_VENV)/.installed
WORKERS ?= 2
# A file's tests share what they set up, so one worker runs them; whole-app tests come first, as they take longest.
SPREAD = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
WORKFLOWS = .github/workflows/*.yml
# What the unit tests need beside the package, without pins.
UNIT_TOOLS = filelock hypothesis pytest pytest-xdist sentencepiece

.PHONY: demo test lint tests coverage test-min test-new wheel image docs benchmark release-check clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[test]'
	touch $@

demo: $(STAMP)
	rm -rf $(DEMO)
	@start=$$(date +%s); set -ex; \
	$(BIN)/n2n demo $(DEMO)/data; \
	$(BIN)/neurons2networks $(DEMO)/data $(DEMO)/out participant --config-file $(DEMO)/data/code/demo.toml --nprocs 2; \
	$(BIN)/neurons2networks $(DEMO)/data $(DEMO)/out group; \
	$(BIN)/n2n evaluate $(DEMO)/data $(DEMO)/out; \
	set +x; echo "Reports: $(DEMO)/out/group.html $$(echo $(DEMO)/out/sub-*.html)"; \
	echo "Took $$(( $$(date +%s) - start )) s"

test: lint tests

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/shellcheck --severity=warning tests/*.sh
	$(BIN)/mypy

tests: $(STAMP)
	$(BIN)/python -m pytest $(SPREAD)

# Unit tests beside the code; every folder has a floor (tests/coverage_floors.py).
coverage: $(STAMP)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(SPREAD) bids_app
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage json --quiet
	$(BIN)/python -m tests.coverage_floors coverage.json

# The unit tests with the oldest versions that pyproject.toml allows, and with the newest that there are.
test-min:
	$(PYTHON) -m venv --clear $(VENV_MIN)
	$(VENV_MIN)/bin/python -m pip install --quiet -c constraints-min.txt --editable '.[dask,futures]' $(UNIT_TOOLS)
	$(VENV_MIN)/bin/python -m pytest $(SPREAD) bids_app tests/test_dask.py

test-new:
	$(PYTHON) -m venv --clear $(VENV_NEW)
	$(VENV_NEW)/bin/python -m pip install --quiet --upgrade --editable '.[dask,futures]' $(UNIT_TOOLS)
	$(VENV_NEW)/bin/python -m pytest $(SPREAD) bids_app tests/test_dask.py

# The wheel is built, installed where no source is, and used.
wheel: $(STAMP)
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv --clear $(VENV_WHEEL)
	$(VENV_WHEEL)/bin/python -m pip install --quiet -c constraints.txt dist/*.whl
	tests/installed.sh $(VENV_WHEEL)/bin

# The image is built and used as strangers do (tests/container.sh). BUILD_OPTIONS are those of `docker build`.
image: $(STAMP)
	PYTHON=$(abspath $(BIN))/python tests/container.sh

# ONLY="ridge forecast" runs some of the scripts; options such as --device cuda may follow.
benchmark: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[test,benchmark]'
	$(BIN)/python -m benchmarks $(ONLY)

# The pages are made from the text of the package, which needs none of its dependencies for it: only the extra `docs`.
$(DOCS_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --dry-run --no-deps --report $(DOCS_VENV)/report.json .
	$(DOCS_VENV)/bin/python -c "import json, re; needs = json.load(open('$(DOCS_VENV)/report.json'))['install'][0]['metadata']; \
		print(*(line.split(';')[0] for line in needs['requires_dist'] if re.search('extra == .docs.', line)), sep='\n')" \
		> $(DOCS_VENV)/requirements.txt
	$(DOCS_VENV)/bin/python -m pip install --quiet -c constraints.txt -r $(DOCS_VENV)/requirements.txt
	touch $@

docs: $(DOCS_STAMP)
	$(DOCS_VENV)/bin/python -m doctest docs/theme/hooks.py docs/theme/docstrings.py
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --clean
	@echo "Built: site/index.html"

# TAG=v0.2.0: do the versions and the changelog agree with the tag?
release-check:
	$(PYTHON) -m tests.release $(TAG)

clean:
	rm -rf $(VENV) $(VENV_MIN) $(VENV_NEW) $(VENV_WHEEL) $(DOCS_VENV) $(DEMO) site dist build coverage.json .coverage*
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
