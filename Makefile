# The commands of a developer. CI runs the same ones, by .ci/run; tests/project/test_commands.py holds them equal.
# In a virtual environment: `python -m venv .venv && . .venv/bin/activate`, then `make setup`.
.PHONY: help setup run test quick thorough nginx lint format types messages all

help:  ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

setup:  ## install what the server, the tests and the checks need
	pip install -r requirements.txt
	pip install -r tests/requirements.txt

run:  ## start the server on http://127.0.0.1:8000
	python tracker.py

test:  ## run all tests
	python -m pytest

quick:  ## run the tests that take less than a minute together
	python -m pytest -m "not slow"

thorough:  ## run all tests with five times as much random data
	TRACKER_TESTS_THOROUGH=1 python -m pytest

nginx:  ## run tests of the whole program once more, with nginx before each server
	TRACKER_TESTS_FRONT=nginx python -m pytest -m through_nginx

lint:  ## look for mistakes, wrong formatting, spelling errors and unsafe code
	ruff check .
	ruff format --check .
	codespell
	bandit -q -r . -x ./tests,./benchmarks,./frontend/build
	.ci/javascript/run biome ci --error-on-warnings --config-path=.ci/javascript static/js tests/js

format:  ## format the code, and mend what ruff can mend
	ruff format .
	ruff check --fix .
	.ci/javascript/run biome format --write --config-path=.ci/javascript static/js tests/js

types:  ## check the types of Python and JavaScript
	mypy
	.ci/javascript/run tsc -p .ci/javascript/tsconfig.json

messages:  ## bring the catalogues of translations up to date with the source
	python tests/support/messages.py

all: lint types test  ## run everything that a change must pass
