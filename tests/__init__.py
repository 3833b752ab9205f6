# SPDX-License-Identifier: BSD-3-Clause
"""The tests of this repository; the package harness in here traces programs."""
