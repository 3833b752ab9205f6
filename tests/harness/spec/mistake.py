# SPDX-License-Identifier: BSD-3-Clause
"""What the wrong allocators in mistakes.py are made from."""

from .model import PAGE, Block, Model


def whole_pages(n):
    """Round n up to a multiple of the page size."""
    return (n + PAGE - 1) // PAGE * PAGE


class GappedBlock(Block):
    """A block behind which `gap` bytes may lie that no block will ever use."""

    gap = 0
    __eq__, __hash__ = object.__eq__, object.__hash__   # the same block, not an equal one: faster

    @property
    def end(self):
        return self.addr + self.header + self.size + self.gap


class Mistake(Model):
    """The model that others below make one change to."""

    block = GappedBlock
    rule = ""
    excludes = ()           # names of the mistakes that this one contradicts
    implies = ()            # names of those whose sentences are true of this one as well
    unfinished = False      # whether a function, or most of one, is not written at all
    searching = False       # inside a heap search, where H3 holds and X6 does not
    keeps_errno = False     # whether NULL was returned for an impossible size without ENOMEM
    calloc_limit = PAGE     # bytes from which, header included, os_calloc maps

    def __init_subclass__(cls):
        cls.__doc__ = " ".join((cls.__doc__ or "").split())     # part of a sentence
        cls.implies = vars(cls).get("implies", ())      # is not inherited

    def __init__(self, **options):
        super().__init__(page=self.calloc_limit, **options)

    def visible(self):
        """What a program can read: the address, size and status of each header, and errno."""
        return [*((block.addr, block.size, block.status) for block in self._blocks()),
                *[("errno",)] * self.keeps_errno]

    def _search_heap(self, n):
        self.searching = True
        try:
            return super()._search_heap(n)
        finally:
            self.searching = False


class Losing(Mistake):
    """Base of mistakes that lose memory behind blocks: a part that is split off takes it along."""

    def _lose(self, block, n):
        """Make a block n bytes long; what it had besides is lost."""
        block.gap += block.size - n
        block.size = n

    def _split(self, block, n):
        gap, block.gap, before = block.gap, 0, len(self.heap)
        super()._split(block, n)
        split = len(self.heap) > before
        (self.heap[self.heap.index(block) + 1] if split else block).gap += gap

    def _absorb_right(self, i):
        gap = self.heap[i].gap + self.heap[i + 1].gap
        super()._absorb_right(i)
        self.heap[i].gap = gap


class Asked(Mistake):
    """Base of mistakes that need to know what was asked for each block."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = {}         # address of a payload -> bytes

    def step(self, name, args):
        done = super().step(name, args)
        if done.result:
            self.asked[done.result] = args[0] * args[1] if name == "os_calloc" else args[-1]
        return done

    def shown(self, block):
        """What the header of a block says its size is."""
        raise NotImplementedError

    def visible(self):
        return [(block.addr, self.shown(block), block.status) for block in self._blocks()]
