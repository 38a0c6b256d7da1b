# The commands of this repository. They need make and Python 3.11 or newer with venv and ensurepip. `make check` also needs
# npm. `make help` lists the commands.

PYTHON ?= python3
# The folders of the virtual environments.
VENV ?= .venv
VENV_DEV ?= .venv-dev
# For `make demo`.
PORT ?= 8000
DATA ?= var/demo
ORIGINS ?=

RUN = $(VENV)/bin/python
RUN_DEV = $(VENV_DEV)/bin/python
PIP = -m pip --disable-pip-version-check --quiet install
# This file is written last. It is newer than the lock file if the environment is up to date.
INSTALLED = $(VENV)/installed
INSTALLED_DEV = $(VENV_DEV)/installed
# Tests that need more than Python. Each folder has its own target `test-NAME`.
MORE_TESTS = tests/browser tests/contract/caches tests/contract/http_audit tests/contract/introspection tests/integration/redis
# The arguments of pytest: `make test TESTS="tests/unit -k totp"`.
TESTS ?= -n 2
PACKAGES = app.py settings.py examples/clients/python/client.py accounts cli examples/demo examples/web mail models resolvers schema security tests tools transport twofactor

EXPORT = "from schema.export import export_sdl; print(export_sdl(), end='')"
EXPORT_POSSIBLE_TYPES = "from schema.export import export_possible_types; print(export_possible_types(), end='')"
EXPORT_CACHE_POLICIES = "from schema.export import export_cache_policies; print(export_cache_policies(), end='')"

.DEFAULT_GOAL := help
.PHONY: help demo pictures test test-browser test-redis test-caches test-http-audit test-introspection test-clients attack-races attack-odds attack-fuzz attack-timing attack-soak attack-availability attacks-table settings-table mutants bench bench-cleanup bench-statistics check check-frontend schema lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Start API, GraphiQL, frontend, mailbox and users on this machine; PORT=8000 DATA=var/demo ORIGINS=http://localhost:5173
	PORT=$(PORT) DATA=$(DATA) ORIGINS="$(ORIGINS)" $(RUN) -m examples.demo

test: $(INSTALLED_DEV) ## Run the tests on SQLite and PostgreSQL; TESTS="tests/unit -k totp" runs some of them
	$(RUN_DEV) -m pytest $(MORE_TESTS:%=--ignore=%) $(TESTS)

test-browser: $(INSTALLED_DEV) ## Test the frontend in headless Chromium; screenshots go to var/screenshots
	@command -v chromium >/dev/null || { echo "Chromium is missing: apt-get install chromium fonts-dejavu-core"; exit 1; }
	$(RUN_DEV) -m pytest tests/browser

pictures: test-browser ## Update the pictures of the README
	mkdir -p docs/pictures
	cp var/screenshots/activate-set-up-light-1280.png docs/pictures/activate.png
	cp var/screenshots/users-light-1280.png docs/pictures/users.png

test-redis: $(INSTALLED_DEV) ## Test the IP rate limiter with a real Redis
	@command -v redis-server >/dev/null || { echo "redis-server is missing: apt-get install redis-server"; exit 1; }
	$(RUN_DEV) -m pytest tests/integration/redis

test-caches: $(INSTALLED_DEV) tests/contract/caches/node_modules/.package-lock.json examples/clients/typescript/node_modules/.package-lock.json ## Run the guide with the caches and persisted queries of Apollo and urql
	$(RUN_DEV) -m pytest tests/contract/caches

test-http-audit: $(INSTALLED_DEV) tests/contract/http_audit/node_modules/.package-lock.json ## Run the audits of graphql-http against a real server
	$(RUN_DEV) -m pytest tests/contract/http_audit

# The product needs a newer graphql-core, so the older one has a folder of its own.
OLD_GRAPHQL_CORE = var/graphql-core
test-introspection: $(INSTALLED_DEV) tests/contract/introspection/node_modules/.package-lock.json $(OLD_GRAPHQL_CORE)/installed ## Build the served schema with released versions of graphql-core and graphql-js
	$(RUN_DEV) -m pytest tests/contract/introspection

$(OLD_GRAPHQL_CORE)/installed: tests/contract/introspection/requirements.txt $(INSTALLED_DEV)
	$(RUN_DEV) $(PIP) --no-warn-conflicts --require-hashes --upgrade --target $(@D) --requirement $<
	@touch $@

test-clients: examples/clients/typescript/node_modules/.package-lock.json ## Generate the types of the TypeScript client and check it with tsc
	npm run check --prefix examples/clients/typescript

# npm writes this file last, after all packages.
%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: apt-get install npm"; exit 1; }
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund
	@touch $@

attack-races: $(INSTALLED_DEV) ## Send 10,000 concurrent requests from two processes to each database, and print violations
	$(RUN_DEV) -m tools.attacks.races

attack-odds: $(INSTALLED_DEV) ## Print the chance to guess a second factor within ten years
	$(RUN_DEV) -m tools.attacks.brute_force

attack-fuzz: $(INSTALLED_DEV) ## Send 100,000 malformed and generated requests, and print failures
	$(RUN_DEV) -m tools.attacks.fuzz

attack-timing: $(INSTALLED_DEV) ## Try to distinguish equal answers by their response time, and print the result
	$(RUN_DEV) -m tools.attacks.timing

attack-soak: $(INSTALLED_DEV) ## Run every mutation for an hour while the test clock advances, and print what grows; SOAK="--minutes 5" is shorter
	$(RUN_DEV) -m tools.attacks.soak $(SOAK)

attack-availability: $(INSTALLED_DEV) ## Attack a served process for minutes, and print what other users notice; AVAILABILITY="--seconds 5" is shorter
	$(RUN_DEV) -m tools.attacks.availability $(AVAILABILITY)

attacks-table: $(INSTALLED_DEV) ## Write the tests of each attack into docs/security/attacks.md, from the markers of the tests
	$(RUN_DEV) -m tools.attacks_table

settings-table: $(INSTALLED_DEV) ## Write the table of settings into README.md
	$(RUN_DEV) -m tools.settings_table

mutants: $(INSTALLED_DEV) ## Run mutation tests: change the rules of 2FA in small ways, and count changes that no test detects
	$(VENV_DEV)/bin/mutmut run

bench: $(INSTALLED_DEV) ## Run the benchmark and write docs/performance.md; BENCH=--quick is short and writes nothing
	$(RUN_DEV) -m tools.bench $(BENCH)

bench-cleanup: $(INSTALLED_DEV) ## Measure how fast a million expired rows of each kind are deleted; BENCH="--rows 5000" is shorter
	$(RUN_DEV) -m tools.bench.cleanup $(BENCH)

bench-statistics: $(INSTALLED_DEV) ## Measure the statistics of a company account with a million users; BENCH="--users 5000" is shorter
	$(RUN_DEV) -m tools.bench.company_statistics $(BENCH)

check: $(INSTALLED_DEV) check-frontend ## Check style, types and imports, and that migrations and schema.graphql match the code
	$(RUN_DEV) -m ruff check .
	$(RUN_DEV) -m ruff format --check .
	$(RUN_DEV) -m mypy $(PACKAGES)
	$(VENV_DEV)/bin/lint-imports
	$(RUN_DEV) -m pytest -q tests/contract/test_migrations.py -k in_step
	$(RUN_DEV) -c $(EXPORT) | diff schema.graphql -
	$(RUN_DEV) -c $(EXPORT_POSSIBLE_TYPES) | diff possibleTypes.json -
	$(RUN_DEV) -c $(EXPORT_CACHE_POLICIES) | diff cachePolicies.json -

# This uses the TypeScript version of the TypeScript client, so that both share one lock file.
check-frontend: examples/clients/typescript/node_modules/.package-lock.json ## Check the types of the frontend's JavaScript with tsc
	examples/clients/typescript/node_modules/.bin/tsc --project examples/web/tsconfig.json

schema: $(INSTALLED_DEV) ## Write schema.graphql, possibleTypes.json, cachePolicies.json and the table of permissions in the guide
	$(RUN_DEV) -m tools.contract_files

# The lock files contain no package index: pip uses the configured one.
COMPILE = -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate --upgrade pyproject.toml
lock: $(INSTALLED_DEV) ## Update the lock files in requirements/ to the newest versions
	$(RUN_DEV) $(COMPILE) --group dev --output-file requirements/dev.lock
	$(RUN_DEV) $(COMPILE) --group demo --constraint requirements/dev.lock --output-file requirements/demo.lock
	$(RUN_DEV) $(COMPILE) --constraint requirements/dev.lock --output-file requirements/run.lock

clean: ## Delete the virtual environments and the caches of tools
	rm -rf $(VENV) $(VENV_DEV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info

# `check` and `check-frontend` need npm. Other targets that need npm or system packages are named `test-NAME`, and .ci/run
# lists them.

# Debian and Ubuntu have Python without these modules unless python3-venv is installed.
REQUIRE_VENV = $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	|| { echo "$(PYTHON) cannot create virtual environments: apt-get install python3-venv" >&2; exit 1; }

$(INSTALLED): requirements/demo.lock pyproject.toml
	@$(REQUIRE_VENV)
	$(PYTHON) -m venv $(VENV)
	$(RUN) $(PIP) --require-hashes --requirement requirements/demo.lock
	$(RUN) $(PIP) --no-deps --no-build-isolation --editable .
	-$(RUN) -m tools.fetch_graphiql
	touch $@

$(INSTALLED_DEV): requirements/dev.lock pyproject.toml
	@$(REQUIRE_VENV)
	$(PYTHON) -m venv $(VENV_DEV)
	$(RUN_DEV) $(PIP) --require-hashes --requirement requirements/dev.lock
	$(RUN_DEV) $(PIP) --no-deps --no-build-isolation --editable .
	touch $@
