# SPDX-License-Identifier: BSD-3-Clause
"""The contract as a model, models of wrong allocators, and what is decided by them alone."""
