# `make help` lists the targets. Each says in plain commands what it stands for.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
LOG := setup.log
# The uv of the machine if it has one, else one of the project's own.
UV := $(shell command -v uv || echo .tools/bin/uv)
export KEDRO_DISABLE_TELEMETRY := 1

SAMPLE := data/01_raw

.PHONY: help run run-databricks spark test test-bundle fuzz audit check lint format lock lock-check mlflow viz notebook package clean \
	benchmark-spark benchmark-kill benchmark-kill-runs benchmark-schemes benchmark-quality benchmark-speed \
	benchmark-providers benchmark-outcomes benchmark-drift benchmark-monitoring

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run ## Set up, rank the sample claims, and print the three most suspicious ones
	@$(BIN)/kedro run --params=training.evaluate_labels=true
	@$(BIN)/python -m claims_fraud.reporting.top_claims data/08_reporting/top_claims.csv 3

# The root as an absolute path, since tables name their files in full.
LOCAL_DATABRICKS = artifact_root=$(CURDIR)/data/databricks,tracking_uri=sqlite:///$(CURDIR)/mlflow.db

run-databricks: .venv/spark ## The same in the databricks environment, on local Spark and Delta; print the tables
	@$(BIN)/kedro run --env=databricks --params=$(LOCAL_DATABRICKS),raw_claims=$(SAMPLE)/claims_train.parquet,claim_labels=$(SAMPLE)/claim_labels.parquet,training.evaluate_labels=true
	@$(BIN)/claims-fraud-jobs tables --artifact-root=$(CURDIR)/data/databricks --tracking-uri=sqlite:///$(CURDIR)/mlflow.db
	@$(BIN)/python -m claims_fraud.reporting.top_claims data/databricks/reporting/top_claims.csv 3

spark: .venv/spark ## Set up what --env=databricks needs: Spark and Delta

test: .venv/dev ## Set up and run the tests
	@# Side by side, in their order, so that the long ones on Spark begin early; tests/conftest.py says what stays together.
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder
	@# The examples of the libraries, apart: with Kedro imported its log would be taken for what an example prints.
	@$(BIN)/python -m pytest --doctest-modules src/claims_fraud/autoencoder src/claims_fraud/claims src/claims_fraud/fairness src/claims_fraud/statistics

test-bundle: .venv/dev ## Build the wheel and the configuration, run them in a clean environment, and serve a model in another
	@$(BIN)/python -m pytest tests/end_to_end -m bundle

FUZZ_SECONDS ?= 600

fuzz: .venv/dev ## Call every public entry point with odd data for FUZZ_SECONDS; each must succeed or refuse in words
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -s --numprocesses 0 tests/fuzz

audit: | $(UV) ## Check the locked dependencies for known vulnerabilities; needs the network
	@$(UV) tool run --quiet pip-audit --requirement requirements/run.lock --require-hashes --disable-pip --strict

check: lint lock-check ## Run what CI runs beside the tests
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pylint src/claims_fraud

lint: .venv/dev ## Lint, check formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: .venv/dev ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --generate-hashes --python-version 3.11 \
	--no-header --no-annotate --extra viz --group run

# Each in an environment of its own, since they do not get on with each other.
PEERS = evidently fairlearn nannyml
COMPILE_PEER = $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate

lock: | $(UV) ## Pin the dependencies of pyproject.toml, with hashes and without addresses
	@$(COMPILE) --output-file requirements/run.lock
	@$(COMPILE) --extra spark --constraint requirements/run.lock --output-file requirements/spark.lock
	@$(COMPILE) --extra spark --group dev --constraint requirements/spark.lock --output-file requirements/dev.lock
	@$(COMPILE) --extra spark --group dev --group benchmark --constraint requirements/dev.lock \
		--output-file requirements/benchmark.lock
	@for peer in $(PEERS); do $(COMPILE_PEER) requirements/peers/$$peer.in --output-file requirements/peers/$$peer.lock; done

lock-check: | $(UV) ## Check that the locks fit pyproject.toml
	@for lock in run spark dev benchmark; do cp requirements/$$lock.lock .venv/$$lock.lock; done
	@$(COMPILE) --output-file .venv/run.lock
	@$(COMPILE) --extra spark --constraint requirements/run.lock --output-file .venv/spark.lock
	@$(COMPILE) --extra spark --group dev --constraint requirements/spark.lock --output-file .venv/dev.lock
	@$(COMPILE) --extra spark --group dev --group benchmark --constraint requirements/dev.lock \
		--output-file .venv/benchmark.lock
	@for lock in run spark dev benchmark; do diff -q requirements/$$lock.lock .venv/$$lock.lock \
		|| { echo "requirements/$$lock.lock does not fit pyproject.toml: run make lock"; exit 1; }; done

mlflow: .venv/run ## Open what runs have recorded on 127.0.0.1:5000
	@$(BIN)/mlflow ui --backend-store-uri sqlite:///$(CURDIR)/mlflow.db --host 127.0.0.1 --port 5000

viz: .venv/run ## Build the picture of the pipeline as a static site in build/
	@$(BIN)/kedro viz build

package: .venv/dev ## Build the wheel and the configuration archive in dist/
	@rm -rf dist
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist . >> $(LOG) 2>&1 || { tail -n 20 $(LOG); exit 1; }
	@tar --exclude='*credentials*' -czf dist/conf-claims_fraud.tar.gz conf
	@ls dist

benchmark-spark: .venv/spark ## Measure speed and memory of scoring 1 and 5 million claims; goes on where it was stopped
	@$(BIN)/python benchmarks/spark_scoring.py

benchmark-kill-runs: .venv/dev ## Kill runs at their renames, writes and removals, and look at what the next one finds
	@$(BIN)/python benchmarks/killed_runs.py

benchmark-kill: .venv/spark ## Kill processes while they save Delta tables, and look at what the next one finds
	@$(BIN)/python benchmarks/kill_during_save.py

# Where the public data sets are: see benchmarks/README.md.
DATA ?= ../shared/data

benchmark-schemes: .venv/benchmark ## Measure how well schemes that investigators know are found, beside their own tools; DATA=FOLDER
	@$(BIN)/python benchmarks/scheme_quality.py --data $(DATA)

benchmark-quality: .venv/benchmark ## Measure how well fraud is found, beside other detectors; DATA=FOLDER of the public sets
	@$(BIN)/python benchmarks/detection_quality.py --data $(DATA)

benchmark-speed: .venv/benchmark ## Measure time and memory of detection, beside other detectors
	@$(BIN)/python benchmarks/detection_speed.py

benchmark-providers: .venv/benchmark ## Measure how well providers that cheat are found; DATA=FOLDER of the public sets
	@$(BIN)/python benchmarks/providers.py --data $(DATA)

benchmark-outcomes: .venv/dev ## Measure learning from outcomes beside a tuned classifier; DATA=FOLDER of the public sets
	@$(BIN)/python benchmarks/outcomes.py --data $(DATA)

benchmark-drift: .venv/dev ## Measure how often drift is told where there is none, and found where there is
	@$(BIN)/python benchmarks/drift_alarms.py

benchmark-monitoring: .venv/dev $(PEERS:%=build/peers/%) ## Measure time and memory of drift and fairness, beside other libraries
	@$(BIN)/python benchmarks/monitoring_speed.py

build/peers/%: requirements/peers/%.lock | .venv $(UV)
	@$(UV) venv --quiet --clear --python $(BIN)/python $@
	@$(UV) pip sync --quiet --python $@/bin/python --require-hashes $< || { rm -rf $@; exit 1; }
	@touch $@

clean: ## Remove what runs wrote; the sample claims stay
	@git clean -qfdX data/02_intermediate data/04_feature data/05_model_input data/06_models data/07_model_output data/08_reporting \
		data/databricks build dist mlartifacts mlflow.db

# Set-up. A stamp a lock; each lock holds the one before, so that a smaller one is never installed over a larger.
.venv/run: requirements/run.lock pyproject.toml | .venv $(UV)
	@$(call install,run,spark dev benchmark)
	@touch $@

.venv/spark: requirements/spark.lock pyproject.toml | .venv $(UV)
	@$(call install,spark,dev benchmark)
	@touch $@

.venv/dev: requirements/dev.lock pyproject.toml | .venv $(UV)
	@$(call install,dev,benchmark)
	@touch $@

# Two of the peers come as source: they are built here, with a C++ compiler.
.venv/benchmark: requirements/benchmark.lock pyproject.toml | .venv $(UV)
	@$(call install,benchmark,)
	@touch $@

# Install a lock, or bring a larger one that is there up to date in its place.
define install
for larger in $(2); do if [ -e .venv/$$larger ]; then exec $(MAKE) --no-print-directory .venv/$$larger; fi; done; \
echo "Setting up (requirements/$(1).lock; details in $(LOG)) …"; \
{ $(UV) pip sync --python $(BIN)/python --require-hashes requirements/$(1).lock && \
  $(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable . ; } >> $(LOG) 2>&1 \
|| { tail -n 20 $(LOG); echo "Setting up failed; all of it is in $(LOG)."; exit 1; }
endef

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) and f"Python 3.11 or later is needed, this is {sys.version.split()[0]}; give another with make PYTHON=…")'
	@$(PYTHON) -m venv .venv

.tools/bin/uv:
	@echo "Installing uv into .tools …"
	@$(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet --require-hashes --requirement requirements/bootstrap.lock >> $(LOG) 2>&1 \
	|| { tail -n 20 $(LOG); rm -rf .tools; exit 1; }
