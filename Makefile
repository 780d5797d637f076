# Each target installs what it needs, once. `make ARGS=…` passes arguments on, for example to pytest.
PYTHON ?= python3
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check -c service/constraints.txt
REFERENCE = .tools/bin/buf build protos --as-file-descriptor-set -o "$(1)/contract.binpb" && \
	.tools/bin/python protos/reference.py "$(1)/contract.binpb"
# For each client that has the script $(1), the command $(2). One whose toolchain is not here is left out, but not in CI.
CLIENTS = set -e; for script in clients/*/$(1); do client=$$(dirname "$$script"); echo "$$script"; \
	if "$$client/toolchain.sh" >/dev/null 2>&1; then $(2); \
	else echo "left out: its toolchain is not installed"; [ "$$CI" != true ]; fi; done

.PHONY: demo test test-quick test-clients lint generate docs bench clean
.DELETE_ON_ERROR:

demo: .venv/.service  ## A streamed chat through the gateway, in a terminal
	@.venv/bin/python -m trunkline_service.demo

test: test-quick test-clients  ## All tests; the slow ones measure, so each has the machine for itself
	.venv/bin/python -m pytest -m slow $(ARGS) || test $$? = 5  # 5: none of them is among ARGS

test-quick: .venv/.dev  ## The tests that take no longer than a few seconds, several at once as most of them wait
	.venv/bin/python -m pytest -m "not slow" -n 3 --dist worksteal $(ARGS)

# gRPC is quiet: some handshakes are meant to fail, and children are started beside its threads.
test-clients: .venv/.dev .tools/.ready  ## The clients whose toolchain is here, or LANGUAGES=go; see tests/clients/cases.md
	GRPC_VERBOSITY=NONE GRPC_ENABLE_FORK_SUPPORT=0 PYTHONPATH=tests .venv/bin/python -m clients.table $(LANGUAGES)

lint: .venv/.dev .tools/.ready  ## Style, types, the contract, and whether what is generated is fresh
	.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy
	cd protos && ../.tools/bin/buf lint && ../.tools/bin/buf format --diff --exit-code
	PATH="$(CURDIR)/.tools/bin:$$PATH" protos/breaking
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(call REFERENCE,$$fresh) >"$$fresh/api.md" && \
		if ! diff "$$fresh/api.md" docs/api.md; then echo "Stale docs/api.md: make docs" >&2; exit 1; fi
	@$(call CLIENTS,generate.sh,clients/fresh "$$client")
	@$(call CLIENTS,lint.sh,"$$script")

generate: .venv/.dev .tools/.ready  ## The code that clients have checked in, from protos/
	@$(call CLIENTS,generate.sh,"$$script" "$$client")

docs: .venv/.dev .tools/.ready  ## What docs/ shows of tests, which are tables or simulations, and docs/api.md, from protos/
	PYTHONPATH=tests .venv/bin/python -m matrix
	PYTHONPATH=tests .venv/bin/python -m faults.table
	PYTHONPATH=tests .venv/bin/python -m routing.hour
	fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(call REFERENCE,$$fresh) >docs/api.md

bench: .venv/.dev  ## CPU per call and per token; see tests/bench
	PYTHONPATH=tests .venv/bin/python -m bench $(ARGS)

clean:
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.service: .venv/.made pyproject.toml service/constraints.txt
	$(PIP) -e '.[service]' && touch $@

.venv/.dev: .venv/.service
	$(PIP) -e '.[service,dev]' && touch $@

.tools/.ready: .tools/.made protos/tools.txt
	.tools/bin/python -m pip install --quiet --disable-pip-version-check -r protos/tools.txt && touch $@

%/.made:
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Needs Python 3.11 or newer with venv: apt install python3-venv, or make PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $* && touch $@
