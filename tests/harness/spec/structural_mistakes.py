# SPDX-License-Identifier: BSD-3-Clause
"""Typical wrong allocators, as in mistakes.py: first versions, in which a part is missing."""

from .mistake import Losing, Mistake
from .model import ALLOC, FREE
from .realloc_mistakes import ResizesFreeBlock


class MapsEverything(Mistake):
    """puts every block in a mapping of its own, and never uses the heap"""

    rule = "W1"
    unfinished = True
    calloc_limit = 0

    def _belongs_on_heap(self, n):
        return False


class SearchesBeforeThreshold(Mistake):
    """takes a free block that is large enough before it asks whether a request belongs in a
    mapping"""

    rule = "W1"

    def _map(self, n):
        self.searching = True
        block = self._without_mapping(n) if self.heap else None
        self.searching = False
        if block is None:
            return super()._map(n)
        block.status = ALLOC
        return block

    def _without_mapping(self, n):
        """A place for n bytes on the heap, None if there is none."""
        self._merge_all()
        block = self._best_fit(n)
        if block is not None:
            self._split(block, n)
        return block


class EnlargesBeforeThreshold(SearchesBeforeThreshold):
    """takes a free block that is large enough, or enlarges a free last one, before it asks whether
    a request belongs in a mapping"""

    implies = ("SearchesBeforeThreshold",)

    def _without_mapping(self, n):
        block, last = super()._without_mapping(n), self.heap[-1]
        if block is None and last.status == FREE and self._ends_at_break(last):
            self._extend(last, n)
            return last
        return block


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

    def _split(self, block, n):
        if block.size - self._rounded(n) < self.block.header + 8:
            super()._split(block, n)
        else:
            self._lose(block, self._rounded(n))
