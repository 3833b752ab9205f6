# SPDX-License-Identifier: BSD-3-Clause
"""What a student reads: causes, hints, explanations, pictures of the heap, reports."""
