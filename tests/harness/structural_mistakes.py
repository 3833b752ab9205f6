# SPDX-License-Identifier: BSD-3-Clause
"""Typical wrong allocators, as in mistakes.py: first versions, in which a part is missing."""

from .mistake import Losing, Mistake
from .model import FREE
from .realloc_mistakes import ResizesFreeBlock


class MapsEverything(Mistake):
    """puts every block in a mapping of its own, and never uses the heap"""

    rule = "W1"
    unfinished = True
    calloc_limit = 0

    def _belongs_on_heap(self, n):
        return False


class NeverMarksLive(Mistake):
    """leaves the status of a block that it gives out at STATUS_FREE, and so gives it out again"""

    rule = "G3"

    def _search_heap(self, n):
        block = super()._search_heap(n)
        block.status = FREE
        return block

    def _free(self, p):
        block = self._block_of_payload(p)
        if block is None or block.status != FREE:
            return super()._free(p)
        return self._release(block)


class NeverMarksNorChecksLive(ResizesFreeBlock, NeverMarksLive):
    """leaves the status of a block that it gives out at STATUS_FREE, and so gives it out again, and
    does not look at the status in os_realloc"""

    rule = "G3"


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
