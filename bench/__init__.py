# SPDX-License-Identifier: BSD-3-Clause
"""Benchmarks; run them from the top of the repository: `python3 -m bench.run`."""
