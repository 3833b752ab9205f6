# SPDX-License-Identifier: BSD-3-Clause
"""The fuzz driver of both allocators: how it is built and run."""
