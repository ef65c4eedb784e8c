# The checks, as CI runs them. PYTHON is the environment that has ".[dev]" installed.
PYTHON ?= .venv/bin/python

.PHONY: check test lint types imports readme pictures soak bench wheel

check: test lint types imports readme

test:
	$(PYTHON) -m pytest

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy

imports:
	$(dir $(PYTHON))lint-imports

readme:
	$(PYTHON) -m cogapp --check README.md jobs/README.md models/README.md

# The pictures in jobs/pictures, from drawn faces; wants Chromium.
pictures:
	$(PYTHON) -m tests.support.pictures

# What takes long: a hundred kills, mutated images by the thousand, and data of full size.
soak:
	$(PYTHON) -m pytest -m soak

# What is measured: prints its figures. BENCH_FACES and BENCH_BASELINE say with what, see tests/bench.
bench:
	$(PYTHON) -m pytest -m bench -s

wheel:
	$(PYTHON) -m build --wheel
