#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Show what a program does with os_*: `python3 tests/show_trace.py --help` lists the options."""

from harness import entry

if __name__ == "__main__":
    entry.start("show_trace", "harness.show_trace")
