# SPDX-License-Identifier: BSD-3-Clause
"""The test harness: builds, traces, compares and explains; standard library only."""
