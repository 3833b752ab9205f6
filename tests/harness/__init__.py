# SPDX-License-Identifier: BSD-3-Clause
"""The test harness: builds, traces, compares and explains; standard library only.

spec/       the contract as a model, models of wrong allocators, the oracle, the shadow heap
tracing/    running a program under ltrace, reading its trace
sandbox/    confining untrusted programs and compilers
feedback/   causes, explanations, pictures of the heap, reports
generated/  random sequences and perturbed variants of the traced programs

At the top: the commands, a suite and its runs, building, comparing, checks of the machine.
"""
