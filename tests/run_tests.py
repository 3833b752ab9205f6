#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run the traced test suite: `python3 tests/run_tests.py --help` lists what it can do."""

import sys

from harness import cli

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
