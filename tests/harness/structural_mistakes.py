# SPDX-License-Identifier: BSD-3-Clause
"""Typical wrong allocators, as in mistakes.py: first versions, in which a part is missing."""

from .mistake import Losing


class LosesRest(Losing):
    """loses what a split leaves: nothing is allocated there (is it linked to the blocks before and
    behind it?)"""

    rule = "S1"
    excludes = ("FirstBlockIsWhole", "FirstBlockIsWholeForMalloc")

    def _split(self, block, n):
        if block.size - self._rounded(n) < self.block.header + 8:
            super()._split(block, n)
        else:
            self._lose(block, self._rounded(n))
