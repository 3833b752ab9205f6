# SPDX-License-Identifier: BSD-3-Clause
"""The grader, the linters and `make check`."""
