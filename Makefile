# Commands of this repository. They need Python 3.11 or newer and make; `make check` also needs npm. `make help` lists them.

PYTHON ?= python3
# Where the virtual environments are made.
VENV ?= .venv
VENV_DEV ?= .venv-dev
# For `make demo`.
PORT ?= 8000
DATA ?= var/demo

RUN = $(VENV)/bin/python
RUN_DEV = $(VENV_DEV)/bin/python
PIP = -m pip --disable-pip-version-check --quiet install
# Each environment is a file that is as new as what was installed in it, so that nothing is installed twice.
INSTALLED = $(VENV)/installed
INSTALLED_DEV = $(VENV_DEV)/installed
# Tests that need more than Python: each folder has a target of its own, `test-NAME`.
MORE_TESTS = tests/browser tests/http_audit tests/redis
# Which files pytest is to run, and how: `make test TESTS="tests/rules -k totp"`.
TESTS ?= -n 2
PACKAGES = $(wildcard app.py settings.py docs/clients/python/client.py) $(wildcard attacks bench cli demo mail models resolvers schema tests transport twofactor web)

EXPORT = "from schema.export import export_sdl; print(export_sdl(), end='')"
EXPORT_POSSIBLE_TYPES = "from schema.export import export_possible_types; print(export_possible_types(), end='')"

.DEFAULT_GOAL := help
.PHONY: help demo pictures test test-browser test-redis test-http-audit test-clients attack-races attack-odds attack-fuzz attack-timing attack-soak mutants bench check check-frontend schema lock clean

help: ## Say what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Start everything on this machine, with people to sign in as: PORT=8000 DATA=var/demo
	PORT=$(PORT) DATA=$(DATA) $(RUN) -m demo

test: $(INSTALLED_DEV) ## Run the tests, on SQLite and on PostgreSQL: TESTS="tests/rules -k totp" for some of them
	$(RUN_DEV) -m pytest $(MORE_TESTS:%=--ignore=%) $(TESTS)

test-browser: $(INSTALLED_DEV) ## Walk the pages in headless Chromium; pictures of them go to var/screenshots
	@command -v chromium >/dev/null || { echo "Chromium is missing: apt-get install chromium fonts-dejavu-core"; exit 1; }
	$(RUN_DEV) -m pytest tests/browser

pictures: test-browser ## Take the pictures of the README anew
	mkdir -p docs/pictures
	cp var/screenshots/activate-set-up-light-1280.png docs/pictures/activate.png
	cp var/screenshots/users-light-1280.png docs/pictures/users.png

test-redis: $(INSTALLED_DEV) ## Run the tests of limits by address over a real Redis
	@command -v redis-server >/dev/null || { echo "redis-server is missing: apt-get install redis-server"; exit 1; }
	$(RUN_DEV) -m pytest tests/redis

test-http-audit: $(INSTALLED_DEV) tests/http_audit/node_modules/.package-lock.json ## Run the audits of graphql-http over a real server
	$(RUN_DEV) -m pytest tests/http_audit

test-clients: docs/clients/typescript/node_modules/.package-lock.json ## Make the types of the TypeScript client, and check it with tsc
	npm run check --prefix docs/clients/typescript

# npm writes this file last, when all is there.
%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: apt-get install npm"; exit 1; }
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund
	@touch $@

attack-races: $(INSTALLED_DEV) ## Send 10,000 requests at once to each database from two processes, and print what broke
	$(RUN_DEV) -m attacks.races

attack-odds: $(INSTALLED_DEV) ## Print the odds of ten years of guessing the second factor
	$(RUN_DEV) -m attacks.brute_force

attack-fuzz: $(INSTALLED_DEV) ## Send 100,000 malformed and generated requests, and print what failed
	$(RUN_DEV) -m attacks.fuzz

attack-timing: $(INSTALLED_DEV) ## Tell equal answers apart by their time, or print that it cannot be done
	$(RUN_DEV) -m attacks.timing

attack-soak: $(INSTALLED_DEV) ## Do every mutation for an hour, while weeks pass, and print what grows: SOAK="--minutes 5" for less
	$(RUN_DEV) -m attacks.soak $(SOAK)

mutants: $(INSTALLED_DEV) ## Change the rules of 2FA in small ways, and count the changes that no test notices
	$(VENV_DEV)/bin/mutmut run

bench: $(INSTALLED_DEV) ## Measure what things cost, and write it into docs/performance.md; BENCH=--quick only tries it out
	$(RUN_DEV) -m bench $(BENCH)

check: $(INSTALLED_DEV) check-frontend ## Check style, types, layers, and that migrations and schema.graphql are in step with the code
	$(RUN_DEV) -m ruff check .
	$(RUN_DEV) -m ruff format --check .
	$(RUN_DEV) -m mypy $(PACKAGES)
	$(VENV_DEV)/bin/lint-imports
	$(RUN_DEV) -m pytest -q tests/contract/test_migrations.py -k in_step
	$(RUN_DEV) -c $(EXPORT) | diff schema.graphql -
	$(RUN_DEV) -c $(EXPORT_POSSIBLE_TYPES) | diff possibleTypes.json -

# The TypeScript version is the one that the TypeScript client pins, so that there is one lock file for both.
check-frontend: docs/clients/typescript/node_modules/.package-lock.json ## Check the types of the frontend's JavaScript with tsc
	docs/clients/typescript/node_modules/.bin/tsc --project web/tsconfig.json

schema: $(INSTALLED_DEV) ## Write schema.graphql anew, and possibleTypes.json for clients with a cache
	$(RUN_DEV) -c $(EXPORT) > schema.graphql
	$(RUN_DEV) -c $(EXPORT_POSSIBLE_TYPES) > possibleTypes.json

# The index is not named in the locks: pip takes the one that it is configured with.
COMPILE = -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate --upgrade pyproject.toml
lock: $(INSTALLED_DEV) ## Take the newest versions of what we depend on into requirements/
	$(RUN_DEV) $(COMPILE) --group dev --output-file requirements/dev.lock
	$(RUN_DEV) $(COMPILE) --group demo --constraint requirements/dev.lock --output-file requirements/demo.lock
	$(RUN_DEV) $(COMPILE) --constraint requirements/dev.lock --output-file requirements/run.lock

clean: ## Remove the environments and what tools keep between runs
	rm -rf $(VENV) $(VENV_DEV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build *.egg-info

# The environments need Python alone. `check-frontend`, and with it `check`, needs npm as well. Other targets that need
# system packages or npm are named `test-NAME` and listed in .ci/run.
$(INSTALLED): requirements/demo.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) $(PIP) --require-hashes --requirement requirements/demo.lock
	$(RUN) $(PIP) --no-deps --no-build-isolation --editable .
	-$(RUN) -m transport.graphiql.fetch
	touch $@

$(INSTALLED_DEV): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV_DEV)
	$(RUN_DEV) $(PIP) --require-hashes --requirement requirements/dev.lock
	$(RUN_DEV) $(PIP) --no-deps --no-build-isolation --editable .
	touch $@
