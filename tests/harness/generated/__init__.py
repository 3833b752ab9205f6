# SPDX-License-Identifier: BSD-3-Clause
"""Generated tests: random sequences, perturbed variants of programs, and what plays them."""
