# SPDX-License-Identifier: BSD-3-Clause
"""Typical wrong allocators, as in mistakes.py: those whose mistake is in the first use of the heap
or in its growth."""

from .mistake import Losing, Mistake, whole_pages
from .model import ALLOC, T, SystemCallFailed


class NoPreallocation(Mistake):
    """grows the heap only by what the first request needs, without preallocating 128 KiB"""

    rule = "F1"

    def _search_heap(self, n):
        if self.heap:
            return super()._search_heap(n)
        self._ask_break()
        block = self._append_block(self._rounded(n))
        block.status = ALLOC
        return block


class NoPreallocationBehindMapping(NoPreallocation):
    """preallocates 128 KiB only if no block is in a mapping yet"""

    def _search_heap(self, n):
        return (super() if self.maps else super(NoPreallocation, self))._search_heap(n)


class NeverBeginsHeap(Mistake):
    """never asks for heap: it returns NULL if no block fits"""

    rule = "F1"

    def _move_break(self, address):
        raise SystemCallFailed

    def _ask_break(self):
        raise SystemCallFailed


class FirstBlockIsWhole(Mistake):
    """gives all of the first 128 KiB to the first block, instead of splitting them"""

    rule = "F1"
    implies = ("FirstBlockIsWholeForMalloc",)
    untouched = False       # whether the first block was not given out yet

    def _first_growth(self):
        super()._first_growth()
        self.untouched = True

    def _split(self, block, n):
        if not self.untouched:
            super()._split(block, n)
        self.untouched = False


class FirstBlockIsWholeForMalloc(FirstBlockIsWhole):
    """gives all of the first 128 KiB to the first block if os_malloc makes it"""

    def _first_growth(self):
        super()._first_growth()
        self.untouched = self._now.name != "os_calloc"


class FirstBlockLosesRest(Losing):
    """gives all of the first 128 KiB to the first block, and never uses what that does not need"""

    rule = "F1"
    untouched = False

    def _first_growth(self):
        super()._first_growth()
        self.untouched = True

    def _split(self, block, n):
        if self.untouched:
            self.untouched = False
            self._lose(block, self._rounded(n))
        else:
            super()._split(block, n)


class FirstBlockLosesSlack(Losing):
    """leaves the slack out of the size of the first block, and so loses it"""

    rule = "S2"

    def _split(self, block, n):
        super()._split(block, n)
        if len(self.heap) == 1 and block.size > self._rounded(n):
            self._lose(block, self._rounded(n))


class HeaderBesidePreallocation(Mistake):
    """preallocates 128 KiB plus a header, instead of 128 KiB with the header in it"""

    rule = "F1"

    def _first_growth(self):
        self._ask_break()
        self._append_block(T)


class PreallocatesForMapping(Mistake):
    """preallocates heap for a request that goes to a mapping"""

    rule = "F2"

    def _map(self, n):
        if not self.heap:
            self._first_growth()
        return super()._map(n)


class GrowsByPages(Mistake):
    """rounds the growth of the heap up to whole pages"""

    rule = "H5"

    def _record(self, name, args, result):
        if name == "brk" and args:
            args, result = (whole_pages(args[0]),), whole_pages(result)
        super()._record(name, args, result)


class GrowsByThreshold(Mistake):
    """grows the heap by at least 128 KiB every time, not only the first"""

    rule = "H4"

    def _append_block(self, size):
        return super()._append_block(max(size, T - self.block.header))


class GrowsWithoutHeader(Mistake):
    """forgets the header when it grows the heap for a new block"""

    rule = "H4"

    def _append_block(self, size):
        return super()._append_block(size - self.block.header if self.heap else size)


class IgnoresFreeLastBlock(Mistake):
    """puts a new block behind a free last block instead of enlarging that one"""

    rule = "H3"

    def _ends_at_break(self, block):
        return not self.searching and super()._ends_at_break(block)


class EnlargesByWholeBlock(Mistake):
    """enlarges a free last block by a whole new block, not only by what is missing"""

    rule = "H3"

    def _extend(self, block, n):
        if not self.searching:
            return super()._extend(block, n)
        self._move_break(self.brk + self.block.header + self._rounded(n))
        block.size += self.block.header + self._rounded(n)


class EnlargesByWholeSize(Mistake):
    """enlarges a free last block by the whole request, not only by what is missing"""

    rule = "H3"

    def _extend(self, block, n):
        if not self.searching:
            return super()._extend(block, n)
        self._move_break(self.brk + self._rounded(n))
        block.size += self._rounded(n)
