# SPDX-License-Identifier: BSD-3-Clause
"""Typical wrong allocators, as in mistakes.py: those whose mistake is in os_realloc.

In a set, a class that stands further up acts first: one that returns early comes after those that
do something and go on.
"""

from .mistake import Losing, Mistake
from .model import ALLOC, FREE, NULL, Model


class ResizesFreeBlock(Mistake):
    """resizes a free block in os_realloc as if it were a live one, instead of returning NULL"""

    rule = "X2"
    excludes = ("ReallocReturnsNull",)
    freed = None            # the free block that os_realloc was called for

    def _realloc(self, p, n):
        block = self._block_of_payload(p)
        if p == NULL or block is None or block.status != FREE:
            return super()._realloc(p, n)
        self.freed, block.status = block, ALLOC
        try:
            return super()._realloc(p, n)
        finally:
            self.freed, block.status = None, FREE

    def _realloc_heap(self, block, n):
        if block is self.freed:
            block.status = FREE
        return super()._realloc_heap(block, n)


class AlwaysMoves(Mistake):
    """moves every block in os_realloc (os_malloc, a copy, os_free) instead of using its place"""

    rule = "X4"
    implies = ("MovesToGrow", "MovesWithRoom")

    def _realloc_heap(self, block, n):
        return self._move(block, block.size, self._new_block(n), n)


class MovesWithRoom(Mistake):
    """moves a block in os_realloc although it already has the room"""

    rule = "X4"

    def _realloc_heap(self, block, n):
        if self._rounded(n) > block.size:
            return super()._realloc_heap(block, n)
        return self._move(block, block.size, self._new_block(n), n)


class MovesToGrow(Mistake):
    """moves every block that os_realloc makes longer, without trying to grow it in its place"""

    rule = "X6"
    implies = ("MovesLastBlock", "NeverAbsorbs")

    def _realloc_heap(self, block, n):
        if self._rounded(n) <= block.size:
            return super()._realloc_heap(block, n)
        return self._move(block, block.size, self._new_block(n), n)


class GrowsPastThreshold(Mistake):
    """grows a block where it is in os_realloc without asking whether it belongs in a mapping now"""

    rule = "X5"
    excludes = ("ThresholdBeforeFit",)
    growing = False         # in os_realloc, before the block is moved

    def _realloc_heap(self, block, n):
        self.growing = True
        try:
            return super()._realloc_heap(block, n)
        finally:
            self.growing = False

    def _belongs_on_heap(self, n):
        return self.growing or super()._belongs_on_heap(n)

    def _search_heap(self, n):
        self.growing = False
        return super()._search_heap(n) if self._belongs_on_heap(n) else self._map(n)


class MergesInRealloc(Mistake):
    """merges free neighbours in the whole heap whenever os_realloc is called"""

    rule = "H1"
    implies = ("AbsorbsAll",)

    def _realloc_heap(self, block, n):
        self._merge_all()
        return super()._realloc_heap(block, n)


class AbsorbsBeforeMapping(Mistake):
    """absorbs free neighbours of a block that goes to a mapping anyway"""

    rule = "X5"

    def _realloc_heap(self, block, n):
        if not self._belongs_on_heap(n):
            self._absorb_until(block, n)
        return super()._realloc_heap(block, n)


class AbsorbsWithRoom(Mistake):
    """absorbs the free block behind in os_realloc although the block already has the room"""

    rule = "X4"

    def _realloc_heap(self, block, n):
        if self._rounded(n) <= block.size and self._belongs_on_heap(n):
            Model._absorb_until(self, block, block.size + 1)
        return super()._realloc_heap(block, n)


class ThresholdBeforeFit(Mistake):
    """moves a block to a mapping although it already has the room"""

    rule = "X4"

    def _realloc_heap(self, block, n):
        if self._belongs_on_heap(n):
            return super()._realloc_heap(block, n)
        return self._move(block, block.size, self._map(n), n)


class ShrinksWithoutSplit(Mistake):
    """does not split a block that os_realloc makes smaller"""

    rule = "X4"
    excludes = ("AlwaysMoves", "MovesWithRoom")

    def _realloc_heap(self, block, n):
        if self._rounded(n) <= block.size:
            return block.payload
        return super()._realloc_heap(block, n)


class ShrinkingLosesSlack(Losing):
    """leaves the slack out of size when os_realloc makes a block shorter, and so loses it"""

    rule = "S2"

    def _realloc_heap(self, block, n):
        shorter, payload = self._rounded(n) <= block.size, super()._realloc_heap(block, n)
        if shorter and payload == block.payload and block.size > self._rounded(n):
            self._lose(block, self._rounded(n))
        return payload


class MovesLastBlock(Mistake):
    """moves the last block of the heap instead of growing it where it is"""

    rule = "X6"

    def _ends_at_break(self, block):
        return self.searching and super()._ends_at_break(block)


class NeverAbsorbs(Mistake):
    """moves a block in os_realloc without trying the free block behind it"""

    rule = "X7"
    implies = ("AbsorbsOneTooFew",)

    def _absorb_until(self, block, n):
        pass


class AbsorbsOneTooFew(Mistake):
    """stops absorbing before the free block with which there would be enough"""

    rule = "X7"

    def _absorb_until(self, block, n):
        i = self.heap.index(block)
        while block.size < self._rounded(n) and i + 1 < len(self.heap):
            right = self.heap[i + 1]
            if right.status != FREE or right.addr != block.end or \
                    block.size + self.block.header + right.size >= self._rounded(n):
                return
            self._absorb_right(i)


class AbsorbsAll(Mistake):
    """absorbs all free blocks behind a growing one, not one at a time until it is enough"""

    rule = "X7"
    excludes = ("NeverAbsorbs", "AbsorbsOneTooFew")

    def _absorb_until(self, block, n):
        super()._absorb_until(block, n)
        if block.size >= self._rounded(n):
            Model._absorb_until(self, block, self.brk)


class KeepsAbsorbedWhole(Mistake):
    """does not split a block that os_realloc enlarged by more than was needed"""

    rule = "X7"
    absorbed = None         # in os_realloc, the block that absorbed others

    def _realloc_heap(self, block, n):
        done = super()._realloc_heap(block, n)
        self.absorbed = None
        return done

    def _absorb_until(self, block, n):
        super()._absorb_until(block, n)
        self.absorbed = block

    def _split(self, block, n):
        if block is not self.absorbed:
            super()._split(block, n)


class AbsorbsOnlyIfEnough(Mistake):
    """leaves free neighbours alone when they do not suffice, instead of keeping them absorbed"""

    rule = "X8"

    def _absorb_until(self, block, n):
        room, end = block.size, block.end
        for right in self.heap[self.heap.index(block) + 1:]:
            if right.status != FREE or right.addr != end:
                break
            room, end = room + self.block.header + right.size, right.end
        if room >= self._rounded(n):
            super()._absorb_until(block, n)


class GrowsAfterAbsorbing(Mistake):
    """grows the heap under a block that became the last one, instead of searching first"""

    rule = "X8"
    implies = ("GrowsWithoutHole",)

    def _absorb_until(self, block, n):
        super()._absorb_until(block, n)
        if block is self.heap[-1] and block.size < self._rounded(n) and \
                self._ends_at_break(block) and not self._has_hole(n):
            self._extend(block, n)

    def _has_hole(self, n):
        """Whether the block is moved to a free one all the same."""
        return False


class GrowsWithoutHole(GrowsAfterAbsorbing):
    """grows the heap under a block that became the last one, if no free block is large enough,
    instead of moving it to the end"""

    def _has_hole(self, n):
        self._merge_all()
        return self._best_fit(n) is not None


class KeepsFittingMapping(Mistake):
    """keeps a mapped block that is large enough, instead of making a new one"""

    rule = "X3"
    implies = ("KeepsEqualMapping",)

    def _realloc_mapped(self, old, n):
        if self._rounded(n) <= old.size:
            return old.payload
        return super()._realloc_mapped(old, n)


class KeepsEqualMapping(Mistake):
    """keeps a mapped block whose size does not change, instead of making a new one"""

    rule = "X3"

    def _realloc_mapped(self, old, n):
        if self._rounded(n) == old.size:
            return old.payload
        return super()._realloc_mapped(old, n)


class ReallocReturnsNull(Mistake):
    """returns NULL from os_realloc for every block, and leaves the block as it was"""

    rule = "X4"
    unfinished = True
    implies = ("ReallocNeverGrows",)

    def _realloc(self, p, n):
        return super()._realloc(p, n) if p == NULL else NULL


class ReallocNeverGrows(Mistake):
    """returns NULL from os_realloc for a block that would have to become longer"""

    rule = "X6"
    unfinished = True
    excludes = ("ReallocReturnsNull", "ReallocReturnsBlock", "AlwaysMoves", "MovesToGrow",
                "MovesLastBlock", "NeverAbsorbs", "AbsorbsBeforeMapping", "AbsorbsOneTooFew",
                "AbsorbsAll", "AbsorbsOnlyIfEnough", "KeepsAbsorbedWhole", "GrowsAfterAbsorbing",
                "GrowsWithoutHole", "GrowsPastThreshold")

    def _realloc(self, p, n):
        block = self._block_of_payload(p)
        if p == NULL or block is None or self._rounded(n) <= block.size:
            return super()._realloc(p, n)
        return NULL


class ReallocReturnsBlock(Mistake):
    """returns every block of the heap from os_realloc as it is, whatever the size"""

    rule = "X4"
    unfinished = True
    excludes = ("AlwaysMoves", "MovesWithRoom", "MovesToGrow", "MovesLastBlock", "NeverAbsorbs",
                "ShrinksWithoutSplit", "AbsorbsBeforeMapping", "AbsorbsOneTooFew", "AbsorbsAll",
                "AbsorbsOnlyIfEnough", "KeepsAbsorbedWhole", "GrowsAfterAbsorbing")

    def _realloc_heap(self, block, n):
        return block.payload
