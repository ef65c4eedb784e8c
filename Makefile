# The checks, as CI runs them. PYTHON is the environment that has ".[dev]" installed.
PYTHON ?= .venv/bin/python

.PHONY: check test lint types imports readme pictures soak bench int8 wheel dist sbom audit lowest image

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

# The int8 networks of bundles, where they are as good: make int8 MODELS="…" CALIBRATION=training CHECK=test, labelled
# faces in a folder per class; takes about a minute for each.
int8:
	$(PYTHON) -m tests.bench.int8 $(MODELS) --calibration $(CALIBRATION) --check $(CHECK) $(if $(DATA),--data $(DATA))

wheel:
	$(PYTHON) -m build --wheel

# What a release holds: both distributions, checked as the package index would. Wants build and twine.
dist:
	rm -rf dist
	$(PYTHON) -m build
	$(PYTHON) -m build --wheel --outdir dist jobs/lite
	$(PYTHON) -m twine check --strict dist/*

# The bills of materials (CycloneDX) of both distributions, with what pip resolves for them on this machine, in dist/.
# Wants cyclonedx-bom.
sbom:
	mkdir -p dist
	for tree in . jobs/lite; do \
	  rm -rf build/sbom && $(PYTHON) -m venv build/sbom \
	  && build/sbom/bin/python -m pip install -q -c .ci/constraints.txt $$tree \
	  && build/sbom/bin/python -m pip uninstall -q -y setuptools pip \
	  && $(dir $(PYTHON))cyclonedx-py environment --pyproject $$tree/pyproject.toml --output-reproducible \
	    -o dist/$$(sed -n 's/^name = "\(.*\)"/\1/p' $$tree/pyproject.toml).cdx.json build/sbom/bin/python \
	  || exit 1; \
	done
	rm -rf build/sbom

# Whether the pinned versions have known vulnerabilities. Wants pip-audit and its service.
audit:
	$(PYTHON) -m pip_audit -r .ci/constraints.txt --no-deps --disable-pip

# The tests with the lowest version of each dependency that pyproject.toml allows; wants uv, takes minutes to install.
lowest:
	$(PYTHON) -m uv venv --clear build/lowest
	$(PYTHON) -m uv pip install --python build/lowest --resolution lowest-direct -e '.[dev]'
	build/lowest/bin/python -m pytest -o filterwarnings=default

# The image of the lean distribution; BUILDER may also be podman or buildah.
BUILDER ?= docker
image:
	$(BUILDER) build -f jobs/container/Containerfile -t batch-emotion:$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' batch_emotion/_version.py) .
