# Each target sets up what it needs: a virtual environment in .venv with the tested versions.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo-output
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
DOCS_VENV ?= .venv-docs
DOCS_STAMP = $(DOCS_VENV)/.installed

.PHONY: demo test benchmark docs clean

$(STAMP): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip setuptools wheel
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

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --numprocesses 2

# ONLY="ridge forecast" runs some of the scripts; options such as --device cuda may follow.
benchmark: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[test,benchmark]'
	$(BIN)/python -m benchmarks $(ONLY)

# The pages are made from the text of the package, which needs none of its dependencies for it: only the extra `docs`.
$(DOCS_STAMP): pyproject.toml setup.cfg constraints.txt
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

clean:
	rm -rf $(VENV) $(DOCS_VENV) $(DEMO) site .mypy_cache .ruff_cache .pytest_cache *.egg-info
