#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run the traced test suite: `python3 tests/run_tests.py --help` lists what it can do."""

from harness import entry

if __name__ == "__main__":
    entry.start("run_tests", "harness.cli")
