# Everything a newcomer needs; `make help` lists it. The virtual environment .venv is made and kept here, from the
# hash-locked requirements. What setting up has to say goes to standard error, so that a target's own output is clean.

.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
.PHONY: help demo test test-long attacks faults faults-long check bench docs lock clean

BIN := .venv/bin
ARGS ?=
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

# A found interpreter counts only once it has run: shims of version managers exist without what they stand for.
define FIND_PYTHON
for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then break; else python=; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "Everlog needs Python 3.11 or newer with its venv module. None was found;" \
		"install one (on Debian: python3 and python3-venv), or name it: make PYTHON=/path/to/python3"; \
	exit 1; \
fi
endef

# An installation that was cut short may look whole to pip, so it leaves a mark and is then made anew.
define FILL
if [ -e .venv/.filling ] || ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	$(FIND_PYTHON); echo "Making .venv with $$("$$python" --version)."; "$$python" -m venv --clear .venv; \
fi; \
touch .venv/.filling; \
echo "Installing the locked packages of $(1) into .venv; the first time this takes a minute or two."; \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes -r $(1)
endef

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/run ## start everything, stream the demo's data through it, show what came out (ARGS="--once --json")
	@$(BIN)/everlog demo $(ARGS)

test: .venv/dev ## run the tests against real PostgreSQL and NATS (ARGS="-k name")
	@$(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

test-long: .venv/dev ## run the tests that take minutes
	@$(BIN)/pytest -m long $(ARGS)

faults: .venv/dev ## break it in every way production does, and count what is lost (ARGS="[NAME ...] [--cycles N] --json")
	@$(BIN)/python -m tests.faults $(ARGS)

faults-long: .venv/dev ## the same, many times over: hours
	@$(BIN)/python -m tests.faults --long $(ARGS)

attacks: .venv/dev ## attack the record as the database's superuser, and count what is found (ARGS="[NAME ...] --json")
	@$(BIN)/python -m tests.attacks $(ARGS)

check: .venv/dev ## lint, format, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: .venv/bench ## measure against peers in the same run (ARGS="[JOB ...] [--quick] --json")
	@$(BIN)/python -m benchmarks $(ARGS)

docs: .venv/dev ## write the generated pages of docs/reference anew
	@$(BIN)/python -m deploy.reference

lock: .venv/dev ## write the hash-locked requirements anew, within the ranges of pyproject.toml
	@$(LOCK) --upgrade --group build --output-file requirements.txt pyproject.toml
	@$(LOCK) --upgrade --group dev --constraints requirements.txt --output-file requirements-dev.txt pyproject.toml
	@$(LOCK) --upgrade --group bench --output-file requirements-bench.txt

clean: ## remove .venv and every cache; data stays
	@rm -rf .venv build dist everlog.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run: requirements.txt pyproject.toml
	@{ $(call FILL,requirements.txt); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
		--no-deps --no-build-isolation --editable .; \
	rm .venv/.filling; touch $@; } >&2

# Emmett is no wheel: the benchmarks fetch it with npm where they need it, and say so where there is none.
.venv/bench: requirements-bench.txt .venv/run
	@{ $(call FILL,requirements-bench.txt); rm .venv/.filling; touch $@; } >&2

.venv/dev: requirements-dev.txt .venv/run
	@{ $(call FILL,requirements-dev.txt); rm .venv/.filling; touch $@; } >&2
