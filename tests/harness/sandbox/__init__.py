# SPDX-License-Identifier: BSD-3-Clause
"""The sandbox in which untrusted programs and compilers run."""
