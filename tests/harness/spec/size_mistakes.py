# SPDX-License-Identifier: BSD-3-Clause
"""Typical wrong allocators, as in mistakes.py: those in which a block has another size than its
place."""

from .mistake import Losing, Mistake


class FirstBlockCountsHeader(Losing):
    """counts a header in the size of the preallocated block, whose free rest is then as much longer
    than its place"""

    rule = "F1"

    def _first_growth(self):
        super()._first_growth()
        self.heap[-1].size += self.block.header
        self.heap[-1].gap -= self.block.header


class FirstRestIsEmpty(Losing):
    """makes the rest of the first 128 KiB a free block whose size counts none of its bytes, and so
    loses them"""

    rule = "F1"
    untouched = False

    def _first_growth(self):
        super()._first_growth()
        self.untouched = True

    def _split(self, block, n):
        super()._split(block, n)
        if self.untouched and len(self.heap) > 1:
            self._lose(self.heap[1], -self.block.header)
        self.untouched = False


class FirstSplitLeavesGap(Losing):
    """puts what it splits off the first 128 KiB a header too far behind the first block"""

    rule = "F1"

    def _split(self, block, n):
        first = len(self.heap) == 1
        super()._split(block, n)
        if first and len(self.heap) > 1:
            block.gap += self.block.header
            self.heap[1].addr += self.block.header
            self.heap[1].size -= self.block.header


class SplitsShort(Losing):
    """makes the free block that a split leaves 8 bytes shorter than its place"""

    rule = "S1"

    def _split(self, block, n):
        before = len(self.heap)
        super()._split(block, n)
        if len(self.heap) > before:
            rest = self.heap[self.heap.index(block) + 1]
            self._lose(rest, rest.size - 8)


class MergesWithoutHeader(Losing):
    """leaves the header of the second block out when it merges two, and so loses its bytes"""

    rule = "H1"

    def _absorb_right(self, i):
        super()._absorb_right(i)
        self._lose(self.heap[i], self.heap[i].size - self.block.header)


class EnlargesWithoutHeader(Mistake):
    """enlarges a free last block by a header less than is missing"""

    rule = "H3"

    def _extend(self, block, n):
        if not self.searching:
            return super()._extend(block, n)
        self._move_break(self.brk + self._rounded(n) - block.size - self.block.header)
        block.size = self._rounded(n)
        block.gap -= self.block.header
