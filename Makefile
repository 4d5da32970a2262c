# Every target installs what it needs first: Python 3.11, pip and make are enough.
# A second call installs nothing, because the stamps are newer than what they depend on.

ARGS ?=
PYTEST_ARGS ?=
# Two workers suit the smallest machine that CI has; tests of one file share their servers, so they stay together.
PYTEST_WORKERS ?= 2

empty :=
space := $(empty) $(empty)
sources := core/src $(wildcard plugins/*/*/src)
projects := pyproject.toml core/pyproject.toml $(wildcard plugins/*/*/pyproject.toml examples/*/pyproject.toml)

.PHONY: run test test-clients conformance lint format bench wheels new requirements clean
.DEFAULT_GOAL := test

run: .venv/.run-stamp
	.venv/bin/taxiway serve $(ARGS)

test: .venv/.dev-stamp
	.venv/bin/pytest -n $(PYTEST_WORKERS) --dist loadfile $(PYTEST_ARGS)

# Clients whose trees are heavy, in environments of their own; it needs Node 20 and npm, and no `make test` does.
test-clients: .venv/.dev-stamp .venv/.clients-stamp
	.venv/bin/python tests/clients/run.py $(ARGS)

# Recorded traffic of providers, and how much of it holds.
conformance: .venv/.dev-stamp
	.venv/bin/pytest -q -n $(PYTEST_WORKERS) tests/conformance $(PYTEST_ARGS)

lint: .venv/.dev-stamp
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	MYPYPATH=$(subst $(space),:,$(sources)) .venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format: .venv/.dev-stamp
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: .venv/.dev-stamp
	.venv/bin/python tests/benchmarks/run.py $(ARGS)

# Without isolation, so that the pinned hatchling builds them.
wheels: .venv/.dev-stamp
	.venv/bin/uv build --quiet --python .venv/bin/python --all-packages --no-build-isolation --out-dir dist

# make new kind=strategy name=fastest-first
new: .venv/.dev-stamp
	.venv/bin/python examples/new.py --kind $(kind) --name $(name)

# Latest versions; no index's address and no path gets into the files.
requirements: .venv/.dev-stamp
	for name in uv runtime dev clients; do \
	    .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" \
	        --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

clean:
	rm -rf tests/clients/python/.venv tests/clients/javascript/node_modules
	rm -rf .venv .uv dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

.venv/.run-stamp: requirements/uv.txt requirements/runtime.txt $(projects) .ci/setup
	.ci/setup runtime

.venv/.dev-stamp: requirements/uv.txt requirements/runtime.txt requirements/dev.txt $(projects) .ci/setup
	.ci/setup dev

.venv/.clients-stamp: requirements/clients.txt tests/clients/javascript/package-lock.json | .venv/.dev-stamp
	.ci/setup clients
