# SPDX-License-Identifier: BSD-3-Clause
"""Typical wrong allocators: the contract's model with one mistake each.

When a program first differs from its reference, every mistake here is replayed; those that show
exactly the trace that was seen, up to and including the call that differs, explain it. So a
new mistake is one more subclass of Mistake: its docstring completes the sentence "the library
...", `rule` is the contract rule that it breaks.
"""

import sys

# More subclasses of Mistake:
from . import growth_mistakes, realloc_mistakes, size_mistakes, structural_mistakes  # noqa: F401
from .mistake import Asked, GappedBlock, Losing, Mistake, whole_pages
from .model import (FAILED, FREE, HEADER, MAP_STRIDE, PAGE, PTRDIFF_MAX, SIZE_MAX, T, NULL, Model,
                    SystemCallFailed, aligned)


# ---- headers ---------------------------------------------------------------------------------

class HeaderOf24Bytes(Mistake):
    """puts a header of 24 bytes in front of a payload, not one of 32"""

    rule = "G1"
    block = type("ShortBlock", (GappedBlock,), {"header": 24})


class SizeAsAsked(Asked):
    """does not round the size in a header up to a multiple of 8"""

    rule = "G2"

    def shown(self, block):
        asked = self.asked.get(block.payload, block.size)
        return asked if aligned(asked) == block.size else block.size


class SizeWithHeader(Asked):
    """counts the header in size"""

    rule = "G2"

    def shown(self, block):
        return block.size + block.header


# ---- which place ----------------------------------------------------------------------------

class ThresholdWithoutHeader(Mistake):
    """leaves the header out when it compares a request with the 128 KiB threshold"""

    rule = "W1"
    implies = ("ThresholdNotStrict",)

    def _belongs_on_heap(self, n):
        return self._rounded(n) < T


class ThresholdNotStrict(Mistake):
    """still puts a block of exactly 128 KiB, header included, on the heap"""

    rule = "W1"

    def _belongs_on_heap(self, n):
        return self._rounded(n) + self.block.header <= T


class CallocWithMallocThreshold(Mistake):
    """uses 128 KiB as os_calloc's threshold, instead of the page size"""

    rule = "W2"
    implies = ("CallocThresholdWithoutHeader",)
    calloc_limit = T


class CallocThresholdWithoutHeader(Mistake):
    """leaves the header out when os_calloc compares a request with the page size"""

    rule = "W2"
    implies = ("CallocThresholdNotStrict",)
    calloc_limit = PAGE + HEADER


class CallocThresholdNotStrict(Mistake):
    """still puts an os_calloc block of exactly one page, header included, on the heap"""

    rule = "W2"
    calloc_limit = PAGE + 8


class MallocWithCallocThreshold(Mistake):
    """uses the page size as the threshold of os_malloc and os_realloc, instead of 128 KiB"""

    rule = "W3"

    def _belongs_on_heap(self, n):
        return self._rounded(n) + self.block.header < PAGE


class ThresholdsWithoutHeader(ThresholdWithoutHeader):
    """leaves the header out when it compares a request with either threshold"""

    implies = ("ThresholdsNotStrict", "ThresholdWithoutHeader")
    calloc_limit = PAGE + HEADER


class ThresholdsNotStrict(ThresholdNotStrict):
    """still puts a block of exactly 128 KiB (or one page, of os_calloc) on the heap"""

    implies = ("ThresholdNotStrict",)
    calloc_limit = PAGE + 8


class MallocThresholdBeforeRounding(Mistake):
    """compares a size with the 128 KiB threshold before it rounds it up to a multiple of 8"""

    rule = "W1"

    def _belongs_on_heap(self, n):
        return n + self.block.header < T


class ThresholdBeforeRounding(MallocThresholdBeforeRounding):
    """compares a size with the thresholds before it rounds it up to a multiple of 8"""

    implies = ("MallocThresholdBeforeRounding",)

    def _calloc(self, k, m):
        if k * m and k * m + self.block.header < self.page:
            return self._search_heap(k * m).payload
        return super()._calloc(k, m)


class SizesNotRounded(Mistake):
    """does not round sizes up to a multiple of 8"""

    rule = "G2"
    implies = ("SizeAsAsked", "ThresholdBeforeRounding")

    @staticmethod
    def _rounded(n):
        return n


class SizesWrapAround(Mistake):
    """lets a size near SIZE_MAX wrap around to a small one when it rounds up or multiplies"""

    rule = "W5"

    @staticmethod
    def _can_exist(n):
        return True

    def _calloc(self, k, m):
        if k == 0 or m == 0 or k * m <= SIZE_MAX:
            return super()._calloc(k, m)
        return self._new_block(k * m % (SIZE_MAX + 1)).payload

    def _new_block(self, n):
        return super()._new_block(self._rounded(n) % (SIZE_MAX + 1))

    def _realloc_heap(self, block, n):
        return super()._realloc_heap(block, self._rounded(n) % (SIZE_MAX + 1))

    def _map(self, n):
        if n + HEADER <= PTRDIFF_MAX:
            return super()._map(n)
        self._record("mmap", (self._rounded(n) + HEADER,), FAILED)
        raise SystemCallFailed


class SizesWrapAroundBehindThreshold(SizesWrapAround):
    """compares a size near SIZE_MAX with the threshold, and then lets it wrap around to 0"""

    implies = ("SizesWrapAround",)

    def _new_block(self, n):
        wrapped = self._rounded(n) % (SIZE_MAX + 1)
        return self._map(wrapped) if n > PTRDIFF_MAX else super()._new_block(n)

    def _realloc_heap(self, block, n):
        if n <= PTRDIFF_MAX:
            return super()._realloc_heap(block, n)
        return self._move(block, block.size, self._new_block(n), n % 8)


class ProductOfNothing(Mistake):
    """Base of mistakes of os_calloc, which looks only at the product, wrapped around, for 0."""

    def _calloc(self, k, m):
        if k * m <= SIZE_MAX or k * m % (SIZE_MAX + 1):
            return super()._calloc(k, m)
        self.keeps_errno = True
        return NULL


class SizesWrapAroundToNothing(ProductOfNothing, SizesWrapAround):
    """lets a size near SIZE_MAX wrap around when it rounds up or multiplies, and takes a product
    that has become 0 for a request of nothing"""

    implies = ("ImpossibleWithoutErrno", "SizesWrapAround")


class SizesWrapAroundBehindThresholdToNothing(ProductOfNothing, SizesWrapAroundBehindThreshold):
    """compares a size near SIZE_MAX with the threshold before it lets it wrap around to 0, and
    takes a product that has become 0 for a request of nothing"""

    implies = ("ImpossibleWithoutErrno", "SizesWrapAroundBehindThreshold")


class ImpossibleWithoutErrno(Mistake):
    """returns NULL for a size that cannot exist without setting errno to ENOMEM"""

    rule = "W5"
    refused = 0

    def _give_up(self, rule, errno):
        self.refused += rule == "W5"
        return super()._give_up(rule, errno)

    def visible(self):
        return [*super().visible(), *[("errno",)] * bool(self.refused)]


# ---- search, merge, split -------------------------------------------------------------------

class MergesAtFree(Mistake):
    """merges free neighbours already when a block is freed, not only before the next heap search"""

    rule = "H1"

    def _release(self, block):
        super()._release(block)
        self._merge_all()


class MergesOnlyAtFree(MergesAtFree):
    """merges free neighbours only when a block is freed, never before it searches the heap"""

    implies = ("MergesAtFree",)

    def _merge_all(self):
        if not self.searching:
            super()._merge_all()


class NeverMerges(Mistake):
    """does not merge adjacent free blocks before it searches the heap"""

    rule = "H1"

    def _merge_all(self):
        pass


class FirstFit(Mistake):
    """takes the first free block that is large enough, not the smallest"""

    rule = "H2"

    def _best_fit(self, n):
        return next((b for b in self.heap if b.status == FREE and b.size >= self._rounded(n)), None)


class LastAmongEquals(Mistake):
    """takes the last of several equally small free blocks, not the first"""

    rule = "H2"

    def _best_fit(self, n):
        fitting = [b for b in self.heap if b.status == FREE and b.size >= self._rounded(n)]
        return min(fitting, key=lambda b: (b.size, -b.addr), default=None)


class NeverReuses(Mistake):
    """never gives out a freed block again"""

    rule = "H2"
    unfinished = True

    def _best_fit(self, n):
        last = self.heap[-1]
        return last if last.status == FREE and last.size >= self._rounded(n) else None


class NeverSplits(Mistake):
    """does not split a block that is longer than needed"""

    rule = "S1"
    excludes = ("FirstBlockLosesRest", "LosesRest")
    implies = ("FirstBlockIsWhole", "SplitsTooLate", "ShrinksWithoutSplit", "KeepsAbsorbedWhole")

    def _split(self, block, n):
        pass


class SplitsTooSmall(Mistake):
    """splits a block although fewer than 40 bytes (a header and 8 bytes) remain"""

    rule = "S1"

    def _split(self, block, n):
        rest = block.size - self._rounded(n)
        if not self.block.header <= rest < self.block.header + 8:
            return super()._split(block, n)
        block.size = self._rounded(n)
        behind = self.block(block.end, rest - self.block.header, FREE)
        self.heap.insert(self.heap.index(block) + 1, behind)


class LosesSlack(Losing):
    """leaves the slack out of size when it does not split a block, and so loses it"""

    rule = "S2"
    implies = ("FirstBlockLosesSlack", "ShrinkingLosesSlack")

    def _split(self, block, n):
        super()._split(block, n)
        if block.size > self._rounded(n):
            self._lose(block, self._rounded(n))


class SplitsTooLate(Mistake):
    """does not split a block when exactly 40 bytes (a header and 8 bytes) remain"""

    rule = "S1"

    def _split(self, block, n):
        if block.size - self._rounded(n) != self.block.header + 8:
            super()._split(block, n)


class MergesAfterSplit(Mistake):
    """merges what a split leaves with the free block behind it at once"""

    rule = "S3"

    def _split(self, block, n):
        before = len(self.heap)
        super()._split(block, n)
        if len(self.heap) > before:
            Model._absorb_until(self, self.heap[self.heap.index(block) + 1], T)


class AlignsTo16(Mistake):
    """rounds sizes up to a multiple of 16, not of 8"""

    rule = "G2"

    def _search_heap(self, n):
        return super()._search_heap((n + 15) // 16 * 16)


# ---- mappings -------------------------------------------------------------------------------

class MapsPages(Mistake):
    """rounds the length of a mapping up to whole pages"""

    rule = "M1"

    def _record(self, name, args, result):
        if name == "mmap":
            args = (whole_pages(args[0]),)
        super()._record(name, args, result)


class MapsWithoutHeader(Mistake):
    """forgets the header in the length of a mapping"""

    rule = "M1"

    def _record(self, name, args, result):
        if name == "mmap":
            args = (args[0] - self.block.header,)
        super()._record(name, args, result)


class UnmapsPages(Mistake):
    """rounds the length up to whole pages when it unmaps"""

    rule = "R2"

    def _record(self, name, args, result):
        if name == "munmap":
            args = (args[0], whole_pages(args[1]))
        super()._record(name, args, result)


class UnmapsWithoutHeader(Mistake):
    """forgets the header in the length that it unmaps"""

    rule = "R2"

    def _record(self, name, args, result):
        if name == "munmap":
            args = (args[0], args[1] - self.block.header)
        super()._record(name, args, result)


class UnmapsPayload(Mistake):
    """unmaps from the payload, not from the header in front of it"""

    rule = "R2"

    def _record(self, name, args, result):
        if name == "munmap":
            args = (args[0] + self.block.header, args[1])
        super()._record(name, args, result)


class NeverUnmaps(Mistake):
    """never gives a mapping back"""

    rule = "R2"

    def _unmap(self, block):
        del self.maps[block.addr // MAP_STRIDE]


class FreeDoesNothing(Mistake):
    """does nothing in os_free"""

    rule = "R1"
    unfinished = True

    def _free(self, p):
        pass


def kinds_of(mistake):
    """Every class below `mistake` that names a rule."""
    for kind in mistake.__subclasses__():
        if kind.rule:
            yield kind
        yield from kinds_of(kind)


def place_of(mistake):
    """(file, number in it) of a class: where mistakes explain the same, and neither implies the
    other, the first is named first."""
    return mistake.__module__, [*vars(sys.modules[mistake.__module__])].index(mistake.__name__)


ALL = tuple(sorted(set(kinds_of(Mistake)), key=place_of))
MISTAKES = tuple(kind for kind in ALL if kind.visible is Mistake.visible)   # that traces show
