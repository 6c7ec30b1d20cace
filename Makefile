.DEFAULT_GOAL := help
.PHONY: help demo test simulate crash fuzz fuzz-faults check generate review test-review new-vendor lock clean

# Any Python from 3.11 on will do: make PYTHON=/path/to/python3 demo
SUPPORTED := import ensurepip, sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)

PIP := -m pip --quiet --quiet --disable-pip-version-check --no-input
COMPILE := env -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_DEFAULT_INDEX -u UV_FIND_LINKS \
	uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-config --quiet

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.ok ## Load 10,000 made-up people into three mocked vendors and show what became of each
	@.venv/bin/python scripts/demo.py

test: .venv/.ok ## Run every test
	@.venv/bin/python -m pytest -n auto --maxprocesses 4

simulate: .venv/.ok ## Play N schedules (10,000) of faults and crashes on all cores, or SEED=17 alone
	@.venv/bin/python -m tests.simulation.simulate $(if $(SEED),--seed $(SEED),--schedules $(or $(N),10000)) \
		$(if $(FIRST),--first $(FIRST))

crash: .venv/.ok ## Kill 20,000-row loads KILLS times (200) a vendor, or replay SEED=17 alone
	@KILLS=$(or $(KILLS),200) .venv/bin/python -m pytest $(if $(SEED),,-n auto) tests/crash/test_crash_kills.py

fuzz: .venv/.ok ## Fuzz the mocks with N examples an operation (2,000), all specs or SPEC=emarsys alone, from SEED
	@seed=$(or $(SEED),$$$$); echo "SEED=$$seed"; FUZZ_EXAMPLES=$(or $(N),2000) FUZZ_SEED=$$seed FUZZ_SPEC='$(SPEC)' \
		.venv/bin/python -m pytest -n auto --maxprocesses 4 tests/fuzz/test_fuzz_mocks.py tests/fuzz/test_fuzz_switches.py

fuzz-faults: .venv/.ok ## Seed faults into the mocks, one at a time, and show that the fuzzing finds each
	@.venv/bin/python -m pytest -n auto --maxprocesses 4 --verbose tests/fuzz/test_fuzz_faults.py

check: .venv/.ok .venv-generate/.ok ## Check style, types, import directions, specs and that generated/ is fresh
	.venv/bin/ruff check .
	.venv/bin/mypy -p headcount
	.venv/bin/pyright --project pyproject.toml --level error
	.venv/bin/lint-imports --no-logo
	.venv/bin/openapi-spec-validator $(filter-out specs/redocly.yaml,$(wildcard specs/*.yaml))
	.venv-generate/bin/python scripts/generate.py --check

generate: .venv-generate/.ok ## Write generated/headcount_api anew from specs/
	@.venv-generate/bin/python scripts/generate.py

review: .venv-generate/.ok .redocly/.ok ## Say what a change of the specs means, against a git ref: make review BASE=main
	@.venv-generate/bin/python scripts/review.py '$(BASE)' $(if $(HEAD),--head '$(HEAD)') \
		$(if $(REPORT),--report '$(REPORT)') $(if $(PAGES),--pages '$(PAGES)')

test-review: .venv/.ok .venv-generate/.ok .redocly/.ok ## Run the review on edits whose verdict is known (needs Node)
	@.venv/bin/python -m pytest -n auto --maxprocesses 4 tests/review

new-vendor: ## Write the skeleton of a vendor that works against its own mock: make new-vendor NAME=acme
	@'$(PYTHON)' scripts/new_vendor.py '$(NAME)'

lock: ## Pin the newest compatible packages in requirements/ (needs uv)
	$(COMPILE) pyproject.toml --universal --upgrade --extra mock --group test --group check -o requirements/dev.txt
	$(COMPILE) --upgrade --group pyproject.toml:generate -o requirements/generate.txt

clean: ## Remove the environments, caches and builds; run folders stay
	rm -rf .venv .venv-generate .redocly build dist .hypothesis .schemathesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache
	find generated scripts tests wrapper -name __pycache__ -prune -exec rm -rf {} +

.venv/.ok: requirements/dev.txt pyproject.toml
	@$(call environment,.venv,requirements/dev.txt)
	@.venv/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv-generate/.ok: requirements/generate.txt
	@$(call environment,.venv-generate,$<)
	@touch $@

.redocly/.ok: scripts/reviewing/node/package.json scripts/reviewing/node/package-lock.json
	@mkdir -p .redocly && cp $^ .redocly/
	@cd .redocly && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# A virtual environment that works is kept; one that is not there, or whose Python has gone, is made anew.
define environment
if ! '$(PYTHON)' -c '$(SUPPORTED)' 2>/dev/null; then \
	echo "headcount needs Python 3.11 or newer with its venv module. If that has another name or place here:" \
		"make PYTHON=/path/to/python3.11" >&2; \
	exit 1; \
fi; \
echo "Setting up $(1) with the packages of $(2) (once, about a minute) ..."; \
{ $(1)/bin/python -c '$(SUPPORTED)' && $(1)/bin/python -m pip --version; } >/dev/null 2>&1 \
	|| '$(PYTHON)' -m venv --clear $(1) || exit 1; \
$(1)/bin/python $(PIP) install --require-hashes --requirement $(2)
endef
