# SPDX-License-Identifier: BSD-3-Clause
# `make help` lists the targets. The folders' Makefiles and scripts do the work.

PYTHON = $$(checker/python.sh || echo python3)
SECONDS ?= 60
STRESS ?= 20

.PHONY: build install skeleton help deps demo check lint test tests stress fuzz model preload-check distros check-arch check-musl check-cross mutants bench bench-family marks growth clean

build: ## build all libraries, in src/, osmalloc/ and compat/ (the default)
	$(MAKE) -C src
	$(MAKE) -C osmalloc
	$(MAKE) -C compat

install: ## copy libraries and headers below PREFIX=/usr/local; DESTDIR= for packages
	$(if $(HARDENED),,$(MAKE) -C src install)
	$(MAKE) -C osmalloc install
	$(if $(HARDENED),,$(MAKE) -C compat install)

skeleton: ## make the folder that a student starts from: DIR=path
	@python3 handout/copy.py "$$DIR"

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

deps: ## install missing packages (Debian or Ubuntu)
	@checker/deps.sh -q

demo: ## run the example programs on os_*: traces, heap map, statistics
	@checker/deps.sh -q student
	@$(MAKE) --no-print-directory -C examples demo

check: deps ## run everything: lint, pytest, the traced programs
	@"$(PYTHON)" -m checker.check

lint: deps ## run all linters, or one: LINTER=gcc
	@"$(PYTHON)" -m checker.lint $(LINTER)

test: deps ## run all pytest tests, or one: TEST=tests/test_layout.py
	@"$(PYTHON)" -m pytest -q $(if $(TEST),'$(TEST)',-n auto --dist=loadfile)

tests: deps ## test my_alloc and memory_allocator: docs/wrappers.md
	@"$(PYTHON)" -m pytest -q tests/test_wrappers.py

stress: deps ## threads, fork, refused memory, 20 times as long: STRESS=100 for more
	@STRESS=$(STRESS) "$(PYTHON)" -m pytest -q tests/test_stress.py tests/test_failures.py

fuzz: deps ## random calls of both allocators, half of them by the model: SECONDS=3600
	@"$(PYTHON)" tests/random_calls.py --seconds $$(($(SECONDS) / 2))
	@"$(PYTHON)" -m tests.fuzzing.run --seconds $$(($(SECONDS) / 2))

model: deps ## osmalloc's remote frees, thread exit, adoption and fork in every order, by spin
	@MODEL=large "$(PYTHON)" -m pytest -q tests/test_remote_model.py

preload-check: deps build ## bash, python3, gcc, node, redis and others on libosmalloc
	@"$(PYTHON)" tests/preload.py

distros: ## demo, suite, grader, check in fresh Debian and Ubuntu roots: DISTROS="trixie noble"
	@checker/deps.sh -q distros
	@tests/distros.sh $(DISTROS)

check-arch: ## build, traced suite, tests of libosmalloc on an emulated arm64 machine: KERNEL=16k TEST=memory
	@checker/deps.sh -q arch
	@TEST=$(TEST) tests/arch.sh $(KERNEL)

check-musl: ## libosmalloc, libosmem and their tests with musl: TEST=memory
	@checker/deps.sh -q port
	@TEST=$(TEST) tests/port.sh musl

check-cross: ## the same for other processors, programs emulated: ARCH=riscv64 TEST=memory
	@checker/deps.sh -q port
	@TEST=$(TEST) tests/port.sh $(or $(ARCH),arm64 riscv64)

mutants: deps ## make mistakes in the library, one at a time, and list the tests that fail: docs/mutants.md
	@"$(PYTHON)" -m tests.mutate --markdown docs/mutants.md

bench: deps ## os_*: time per operation beside glibc, jemalloc, mimalloc, tcmalloc: bench/results
	@python3 -m bench.run

bench-family: deps ## libosmalloc beside the same, 28 workloads, time and memory: bench/results/family
	@python3 -m bench.compare $(BENCH)

marks: deps ## this library and ten broken ones graded 20 times each: the same mark every time
	@"$(PYTHON)" -m checker.measure marks -- --seeds 2 --seed 1

growth: deps ## classes of 10 to 500 submissions graded on two cores: checker/results
	@"$(PYTHON)" -m checker.measure growth
	@"$(PYTHON)" -m checker.measure growth --few

clean: ## remove all build output
	$(MAKE) -C src clean
	$(MAKE) -C osmalloc clean
	$(MAKE) -C compat clean
	$(MAKE) -C examples clean
	rm -rf */build .pytest_cache .hypothesis
	find . '(' -name __pycache__ -o -name '.checkpatch-camelcase*' ')' -prune -exec rm -rf {} +
