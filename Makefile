# Two commands: `make sweep` and `make test`. Both set everything up first.

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help sweep test ui-test store-test submit-test server-test cluster-test chaos check bench bench-precision bench-search bench-long reproduce clean

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Teasel needs Python 3.11 or newer; set PYTHON=")'
	@echo "Setting up $(VENV): about 7 GB, a few minutes."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

sweep: $(READY)  ## Search β-VAE and FactorVAE on rendered sprites: two to four minutes on two cores
	$(BIN)/teasel run first_look --again

test: $(READY)  ## All fast tests
	$(PYTEST) tests --ignore=tests/benchmarks --ignore=tests/ui --ignore=tests/server/test_server.py \
		--ignore=tests/cluster_test --ignore=tests/cluster/test_jobs.py --ignore=tests/store

store-test: $(READY)  ## A sweep on S3 is taken over from a dead machine when its claim has ended: two minutes
	$(PYTEST) tests/store

submit-test: $(READY)  ## Sweeps submitted to a real head by laptops that are killed, stopped and resumed: five minutes
	$(PYTEST) tests/cluster/test_jobs.py

ui-test: $(READY)  ## A newcomer's way through the MLflow UI, in a real browser; screenshots in results/ui-test
	$(call need,chromium)
	$(PYTEST) tests/ui

server-test: $(READY)  ## A team's tracking server on loopback: who sees what, restart, backup, restore; three minutes
	$(call need,postgresql,ls /usr/lib/postgresql/*/bin/initdb)
	$(call need,nginx,PATH=/usr/sbin:$$PATH; command -v nginx)
	$(call need,openssl)
	$(call need,curl)
	@$(BIN)/python -c 'import boto3, flask_wtf, psycopg2' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,server]'
	$(PYTEST) tests/server/test_server.py

# Without systemd, what is installed must not be started; with it, that is not ours to decide.
cluster-test: export RUNLEVEL = 1
cluster-test: $(READY)  ## Three hosts on this machine, as root: ray up, sweeps, lost hosts; seven minutes on two cores
	@[ "$$(id -u)" = 0 ] || { echo "make $@ needs root, to make network, process and mount namespaces."; exit 1; }
	@PATH=/usr/sbin:$$PATH; command -v sshd >/dev/null || [ ! -d /run/systemd/system ] || \
		{ echo "make $@ needs openssh-server: install it first (it opens this machine's port 22)."; exit 1; }
	$(call need,openssh-server,PATH=/usr/sbin:$$PATH; command -v sshd)
	$(call need,openssh-client,command -v ssh)
	$(call need,iproute2,PATH=/usr/sbin:/sbin:$$PATH; command -v ip)
	$(call need,rsync)
	$(PYTEST) tests/cluster_test

# A program from Debian, installed where that is possible and else asked for; $(2) tells whether it is there,
# where that is more than a command of its name.
define need
@{ $(or $(2),command -v $(1)); } >/dev/null 2>&1 || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q && \
	apt-get install -y -q --no-install-recommends $(1); } || { echo "make $@ needs $(1): install it first."; exit 1; }
endef

check: $(READY)  ## Style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) tests/test_imports.py -q

chaos: $(READY)  ## Every fault we can think of, tried again and again, into tests/chaos/SCOREBOARD.md
	OMP_NUM_THREADS=1 $(BIN)/python tests/chaos/run.py

bench: $(READY)  ## Speed against plain PyTorch and stock sweeps, into tests/benchmarks/RESULTS.md; BENCH=--quick is small
	PYTHONPATH=tests/search $(BIN)/python tests/benchmarks/run.py $(BENCH)

bench-precision: $(READY)  ## What bfloat16 changes of every method's losses, into tests/benchmarks/RESULTS.md: a quarter of an hour
	$(BIN)/python tests/benchmarks/precision.py

bench-search: $(READY)  ## Search quality against stock searches, in simulated time, into tests/benchmarks/RESULTS.md: ten minutes
	$(BIN)/python tests/benchmarks/search_quality.py

bench-long: $(READY)  ## What 10,000 simulated trials cost driver, resume and MLflow, into tests/benchmarks/RESULTS.md: a quarter of an hour
	PYTHONPATH=tests/search $(BIN)/python tests/benchmarks/long_runs.py

reproduce: $(READY)  ## The reports' tables, run again into tests/reproduction/RESULTS.md: under two hours on two cores
	$(BIN)/teasel reproduce all $(REPRODUCE)

clean:  ## Remove what the targets made, but no results
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
