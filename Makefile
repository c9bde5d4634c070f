# make bench    compare networks of different symmetry on real digits; writes out/
# make test     the tests, with coverage
# make lint     style, types, and the floors of the house
# make docs     the site, its tutorials run in full; open out/docs/index.html
# make verify   the theorems as programs: prediction, measurement, verdict
# make peers    the same outputs as escnn, in an environment with the peers (tools/peers.sh)
#
# Each target sets up .venv first, peers .venv-peers. ARGS adds arguments, as in
#   make verify ARGS=--fast   make bench ARGS="--budget 60"       make test ARGS="tests/groups -x"
# PYTHON names the interpreter, GEOMDL_TORCH another build of PyTorch (tools/setup.sh).

BIN := .venv/bin
ARGS ?=

.PHONY: bench test lint docs verify peers env

bench: env
	$(BIN)/geomdl bench $(ARGS)

# Two processes of one thread each. A part of the tests cannot reach the coverage of all of them.
test: env
	OMP_NUM_THREADS=1 MPLBACKEND=agg $(BIN)/python -m pytest -n 2 -m "not gpu and not peers" $(if $(ARGS),$(ARGS),--cov=geomdl)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache  # its cache does not see a module that appears where an import pointed

docs: env  # the tutorials in as many processes as there are cores, of one thread each
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --builder html $(ARGS) docs out/docs

verify: env
	$(BIN)/geomdl verify $(ARGS)

peers:
	@sh tools/peers.sh $(ARGS)

env:
	@sh tools/setup.sh
