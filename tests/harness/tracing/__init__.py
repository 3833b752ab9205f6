# SPDX-License-Identifier: BSD-3-Clause
"""Running a program under ltrace, and reading its trace: events, statistics, a second run."""
