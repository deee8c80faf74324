# Every command of the README. Each target works in a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Idle OpenMP threads must sleep, not spin: on a busy machine spinning costs 7x (flows/__init__.py).
export OMP_WAIT_POLICY ?= PASSIVE
export DVC_NO_ANALYTICS ?= 1
# uv, unlike pip, compiles nothing: where this is set, as in many images, every process would compile
# what it imports, which takes more than half of the time of `make demo`.
unexport PYTHONDONTWRITEBYTECODE
# Metaflow refuses root, and a container without USER.
export METAFLOW_USER ?= $(or $(filter-out root,$(USER)),demo)

.PHONY: help venv versions demo metaflow-config serve docs bench bench-cluster bench-local bench-argo bench-slurm bench-metaflow bench-serve bench-serve-competitors profile lock lint lint-action types types-macos test full clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 22

venv: .venv/.installed  ## .venv with the locked packages

# pip installs one package, uv, by the hash in requirements.lock; uv installs the others, which
# takes seconds where pip takes minutes. A Python with its venv module is all that must be there.
# uv does not read pip's settings: where only pip knows the package index, pip installs everything.
UV := $(BIN)/uv

.venv/.installed: requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "needs Python >= 3.11; say which one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || \
	  { echo "this Python cannot make a venv; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --no-deps --only-binary :all: --require-hashes -r .venv/uv.lock
	$(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock || \
	  $(BIN)/pip install --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The oldest DVC that dvc_bridge supports, and two between it and the newest.
OLDER_DVC := 3.48.4 3.55.2 3.63.0

versions: $(OLDER_DVC:%=.venv-dvc/%/.installed)  ## environments with older versions of DVC, for the tests

.venv-dvc/%/.installed: tests/equality/versions/%.txt .venv/.installed
	$(UV) venv --clear --python $(BIN)/python .venv-dvc/$*
	$(UV) pip sync --python .venv-dvc/$*/bin/python --require-hashes $<
	$(UV) pip install --python .venv-dvc/$*/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: venv  ## the pipeline by `dvc repro`, then by Metaflow; every file's md5 side by side
	dvc repro
	python flows/train.py run --force
	python benchmarks/compare_outs.py

# BUCKET=... IMAGE=... [ENDPOINT=...] [NAMESPACE=...] [SECRET=...] [SERVICE_ACCOUNT=...]
# [PULL_POLICY=...] [PROFILE=...]; the recipe reads them from its environment, so nothing in them is a command.
export BUCKET ENDPOINT NAMESPACE IMAGE SECRET SERVICE_ACCOUNT PULL_POLICY PROFILE
metaflow-config: venv  ## Metaflow's profile for a cluster: BUCKET=... IMAGE=... (docs/metaflow.md)
	@python -m dvc_bridge.metaflow.profile --profile="$${PROFILE:-cluster}" --bucket="$$BUCKET" \
	  --endpoint="$$ENDPOINT" --namespace="$$NAMESPACE" --image="$$IMAGE" --secret="$$SECRET" \
	  --service-account="$$SERVICE_ACCOUNT" --pull-policy="$$PULL_POLICY"

serve: venv models/bundle/SHA256SUMS  ## the model behind HTTP, on http://127.0.0.1:8000
	python -m serving

models/bundle/SHA256SUMS:
	@echo "there is no bundle yet: run make demo, dvc repro or dvc pull" >&2; exit 2

profile: venv  ## CPU, wall and peak memory of every stage
	python benchmarks/profile_stages.py

# OPTIONS is for what the help of the program lists: make bench OPTIONS='--scenario windmill --tool make'
OPTIONS ?=

bench: venv  ## compare toolchains on equal work; 15 minutes, again adds rounds (OPTIONS="--rounds 9")
	python -m benchmarks.comparison $(OPTIONS)

bench-cluster: venv  ## the same on the clusters that COMPARISON_ARGO, COMPARISON_ARGO_TUNED and COMPARISON_SLURM name (docs/comparison.md)
	python -m benchmarks.comparison --cluster --minutes 60 --cell-seconds 60 --output build/comparison-cluster.json $(OPTIONS)

bench-local: venv  ## compare dvc repro and dvc-bridge repro on equal work (half an hour)
	python benchmarks/local.py

bench-argo: venv  ## measure runs in pods against targets (needs a cluster: docs/scale.md; 20 minutes)
	python -m benchmarks.argo

bench-slurm: venv  ## measure runs on SLURM against bare jobs (needs SLURM_CONF: CONTRIBUTING.md; 15 minutes)
	python -m benchmarks.slurm

bench-metaflow: venv  ## measure what @dvc_stage and a generated flow add to plain Metaflow flows
	python benchmarks/metaflow_overhead.py

bench-serve: venv  ## measure CPU, latency and memory of the server against targets (needs wrk)
	python -m benchmarks.serve

bench-serve-competitors: venv  ## compare the server with LitServe, BentoML, KServe and MLServer
	python -m benchmarks.serve_competitors

# Extras stay in the pins: pip, asked for coverage[toml], would otherwise look at a newer coverage,
# for which there is no hash.
# The GitHub Action has the versions that the tests use, without the packages of developers.
COMPILE_FOR_ACTION := --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --constraint requirements.lock

lock: venv  ## the lock files, from setup.cfg
	$(UV) pip compile --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes \
	  --all-extras --no-header -o requirements.lock setup.cfg
	$(UV) pip compile --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes \
	  --extra worker --no-header --constraint requirements.lock -o requirements-worker.lock setup.cfg
	$(PYTHON) -c 'import configparser as c; f = c.ConfigParser(); f.read("setup.cfg"); \
	  print(f["options.extras_require"]["serving"])' | \
	$(UV) pip compile --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header \
	  --constraint requirements.lock -o serving/deploy/requirements.lock -
	printf 'setuptools>=77\n' | $(UV) pip compile $(COMPILE_FOR_ACTION) -o action/build.lock -
	awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > action/uv.lock
	$(UV) pip compile $(COMPILE_FOR_ACTION) -o action/requirements.lock setup.cfg action/build.lock
	$(UV) pip compile $(COMPILE_FOR_ACTION) --extra argo --extra s3 \
	  -o action/requirements-cluster.lock setup.cfg action/build.lock
	for version in $(OLDER_DVC); do \
	  $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --no-header -o tests/equality/versions/$$version.txt tests/equality/versions/$$version.in \
	    || exit; done

# Paths whose prose is checked, by docs/tools/words.txt (codespell) and docs/tools/phrases.txt.
PROSE := README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md .github action action.yml examples docs/decisions \
  $(filter-out docs/commands.md,$(wildcard docs/*.md)) dvc_bridge flows serving benchmarks tests

lint: lint-action  ## style, import rules, prose
	ruff check .
	ruff format --check .
	lint-imports
	python docs/tools/commands.py --check
	python docs/tools/action.py --check
	python docs/tools/settings.py --check
	python docs/tools/import_graph.py --check
	codespell $(PROSE)
	python docs/tools/phrases.py $(PROSE)

# The Action, and workflows: ours and those that users copy. OWNER is a placeholder. The image of the SLURM tests follows
# Debian's updates; its job can only read.
WORKFLOWS := $(wildcard .github/workflows/*.yml)
EXAMPLES := $(wildcard examples/*.yml)

lint-action: venv  ## style and security of action.yml and of workflows
	jactionlint --ignore 'image "python:3.11-bookworm"' action.yml $(WORKFLOWS)
	jactionlint --ignore OWNER/dvc-bridge@v0 --ignore 'workflow "Plan"' $(EXAMPLES)
	zizmor --quiet --offline --strict-collection --persona pedantic --config .github/zizmor.yml \
	  action.yml .github/dependabot.yml $(WORKFLOWS) $(EXAMPLES)
	check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
	check-jsonschema --quiet --builtin-schema vendor.github-workflows $(WORKFLOWS) $(EXAMPLES)
	check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	pre-commit validate-manifest .pre-commit-hooks.yaml

docs: venv  ## the documentation as a site in build/site, with references from the code; a broken link is an error
	python docs/tools/commands.py
	python docs/tools/settings.py
	NO_MKDOCS_2_WARNING=1 mkdocs build
	@echo "open build/site/index.html"

types: venv  ## mypy strict
	mypy

types-macos: venv  ## mypy strict of the package, as on macOS
	mypy --platform darwin --cache-dir .mypy_cache/macos dvc_bridge

test: venv  ## tests, linters, types and import rules; without the tests that take minutes
	$(MAKE) --no-print-directory -j 2 lint types types-macos
	@$(MAKE) --no-print-directory versions || \
	  echo "no package index: the tests on older versions of DVC are skipped" >&2
	pytest -n logical --maxprocesses 4 --dist worksteal

full: venv  ## the tests that take minutes, such as whole flows and the pipeline by both toolchains
	pytest -m full

clean:  ## remove .venv and caches
	rm -rf .venv .venv-bench .venv-dvc .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build *.egg-info
