# SPDX-License-Identifier: BSD-3-Clause
"""An executable model of the contract: what every call returns and which system calls it makes.

The model keeps a list of blocks and scans it: it is written to be compared with docs/contract.md
sentence by sentence, not for speed. It owns no memory: addresses are numbers. The heap begins at
`start` (0 by default) and mapping number n begins at n * MAP_STRIDE, so the two never overlap; NULL
is 0, which is never a payload. Sizes and addresses are in bytes.

Names such as W1 and H2 are the rules of docs/contract.md.
"""

from dataclasses import dataclass, field

T = 131072                  # the mmap threshold, and the distance by which F1 moves the break
HEADER = 32                 # G1: sizeof(struct block_meta)
PAGE = 4096
MIN_SPLIT = HEADER + 8      # S1: a header and the smallest payload
FREE, ALLOC, MAPPED = 0, 1, 2       # G3
MAP_STRIDE = 1 << 48        # distance between the model's addresses of two mappings
SIZE_MAX = (1 << 64) - 1
PTRDIFF_MAX = (1 << 63) - 1
NULL = 0
ENOMEM, EINVAL = 12, 22
FAILED = -1                 # result of a failed mmap or munmap, and of a refused brk(0)


@dataclass
class Block:
    """One block: the address of its header, its usable size, its status."""

    addr: int
    size: int
    status: int

    header = HEADER     # bytes before the payload (G1); models of wrong allocators change it

    @property
    def payload(self):
        """The address of the first byte of the user's memory (G1)."""
        return self.addr + self.header

    @property
    def end(self):
        """The address just behind the block."""
        return self.addr + self.header + self.size

    def contains(self, address):
        """Whether the address lies in the block, header included."""
        return self.addr <= address < self.end


@dataclass
class Sys:
    """One system call.

    name    'brk', 'mmap' or 'munmap'
    args    brk: () queries the break, (address,) moves it; mmap: (length,);
            munmap: (address, length)
    result  brk: the break after the call (unchanged if refused; -1 for a refused query);
            mmap: the address or -1; munmap: 0 or -1
    """

    name: str
    args: tuple
    result: int


@dataclass
class Step:
    """One call of the API and all its observable effects.

    result    an address, 0 for NULL, None for os_free
    errno     0 (untouched), 12 (ENOMEM) or 22 (EINVAL)
    misuse    None, or the message of os_free before it aborts (B4)
    syscalls  the system calls made inside, in order
    rules     the rules applied, in order
    copies    (destination payload, source payload, bytes) of every copy
    zeroed    (payload, bytes) of every payload that was set to zero
    """

    name: str
    args: tuple
    result: int = NULL
    errno: int = 0
    misuse: str = None
    syscalls: list = field(default_factory=list)
    rules: list = field(default_factory=list)
    copies: list = field(default_factory=list)
    zeroed: list = field(default_factory=list)


class SystemCallFailed(Exception):
    """A system call inside the current call was refused, or would have been (B1, B2)."""


class BrokenModel(Exception):
    """The state of the model is inconsistent: a bug in this file."""


def aligned(n):
    """Round n up to a multiple of 8: the contract's A(n)."""
    return (n + 7) // 8 * 8


class Model:
    """The state of one process's heap and mappings, and the four functions that change it.

    page   the page size P of W2
    fail   fail(i): whether the i-th system call of the model (from 0) is refused
    start  the program break before the first call
    """

    block = Block

    def __init__(self, page=PAGE, fail=None, start=0):
        self.heap = []              # blocks on the program break, in address order
        self.maps = {}              # number of a live mapping -> its block
        self.brk = start            # the program break
        self.start = start
        self.regions = []           # start address of each contiguous part of the heap (B2)
        self.page = page
        self._fail = fail or (lambda i: False)
        self._calls_made = 0        # system calls so far, for fail(i)
        self._maps_made = 0         # successful mmaps so far, for their numbers
        self._break_known = False   # brk(0) has succeeded once (F3)
        self._break_shared = False  # a foreign caller has moved the break (B2)
        self._now = None            # the Step of the call in progress

    # ---- the four functions -------------------------------------------------------------

    def malloc(self, n):
        """os_malloc(n) -> Step."""
        return self._call("os_malloc", (n,), self._malloc)

    def calloc(self, k, m):
        """os_calloc(k, m) -> Step."""
        return self._call("os_calloc", (k, m), self._calloc)

    def realloc(self, p, n):
        """os_realloc(p, n) -> Step."""
        return self._call("os_realloc", (p, n), self._realloc)

    def free(self, p):
        """os_free(p) -> Step."""
        return self._call("os_free", (p,), self._free)

    def step(self, name, args):
        """Call the function `name`: step('os_malloc', (100,)) -> Step."""
        return getattr(self, name.removeprefix("os_"))(*args)

    def foreign_sbrk(self, delta):
        """A foreign caller calls sbrk(delta) (B2); returns the break before, like sbrk.

        This does not replace the library's own query of the break in F1.
        """
        before = self.brk
        self.brk += delta
        self._break_shared = self._break_shared or delta != 0
        return before

    def snapshot(self):
        """The state as a value that == compares: heap blocks, mappings, break."""
        heap = tuple((b.addr, b.size, b.status) for b in self.heap)
        maps = tuple((i, b.addr, b.size, b.status) for i, b in sorted(self.maps.items()))
        return heap, maps, self.brk

    # ---- a call is a transaction --------------------------------------------------------

    def _call(self, name, args, work):
        """Run one function. B1: a refused system call leaves every block as it was."""
        step = self._now = Step(name, args)
        heap, maps, regions = list(self.heap), dict(self.maps), list(self.regions)
        blocks = [(b, b.addr, b.size, b.status) for b in self._blocks()]
        try:
            step.result = work(*args)
        except SystemCallFailed:
            self.heap, self.maps, self.regions = heap, maps, regions
            for block, *before in blocks:
                block.addr, block.size, block.status = before
            self._give_up("B1", ENOMEM)
            step.result = None if name == "os_free" else NULL
        self._now = None
        return step

    def _rule(self, *numbers):
        self._now.rules.extend(numbers)

    def _give_up(self, rule, errno):
        """Apply a rule by which the call fails with this errno; returns NULL."""
        self._rule(rule)
        self._now.errno = errno
        return NULL

    # ---- which place (W) ----------------------------------------------------------------

    def _malloc(self, n):
        if n == 0:
            self._rule("W4")
            return NULL
        if not self._can_exist(n):
            return self._give_up("W5", ENOMEM)
        return self._new_block(n).payload

    def _calloc(self, k, m):
        n = k * m
        if n == 0:
            self._rule("W4")
            return NULL
        if n > SIZE_MAX or not self._can_exist(n):
            return self._give_up("W5", ENOMEM)
        self._rule("W2")
        if self._rounded(n) + self.block.header >= self.page:
            return self._map(n).payload
        block = self._search_heap(n)
        self._rule("H6")
        self._now.zeroed.append((block.payload, n))
        return block.payload

    def _new_block(self, n):
        """A new block, for os_malloc and for os_realloc if it moves a block (W1, W3)."""
        self._rule("W1")
        if self._belongs_on_heap(n):
            return self._search_heap(n)
        return self._map(n)

    def _belongs_on_heap(self, n):
        return self._rounded(n) + self.block.header < T     # W1, and W3 which repeats it

    @staticmethod
    def _rounded(n):
        """The size of a block for n bytes: A(n) (G2)."""
        return aligned(n)

    @staticmethod
    def _can_exist(n):
        """W5: whether a block of n bytes and its header can exist at all."""
        return aligned(n) + HEADER <= PTRDIFF_MAX

    # ---- heap search (F, H) -------------------------------------------------------------

    def _search_heap(self, n):
        """A block for n bytes on the heap, marked allocated."""
        if not self.heap:
            self._first_growth()
        self._merge_all()
        block = self._best_fit(n)
        if block is not None:
            self._rule("H2")
            self._split(block, n)
        elif self.heap[-1].status == FREE and self._ends_at_break(self.heap[-1]):
            self._rule("H3")
            block = self.heap[-1]
            self._extend(block, n)
        else:
            self._rule("H4")
            block = self._append_block(self._rounded(n))
        block.status = ALLOC
        return block

    def _first_growth(self):
        """F1: create one free block of exactly T bytes. F3: only this queries brk(0)."""
        self._rule("F1")
        if not self._break_known:
            self._ask_break()
        self._append_block(T - self.block.header)

    def _merge_all(self):
        """H1: adjacent free blocks become one, everywhere."""
        heap, merged, i = self.heap, False, 0
        while i + 1 < len(heap):
            if heap[i].status != FREE:
                i += 1
            elif heap[i + 1].status == FREE and heap[i].end == heap[i + 1].addr:
                self._absorb_right(i)
                merged = True
            else:
                i += 1
        if merged:
            self._rule("H1")

    def _best_fit(self, n):
        """H2: the smallest free block that is large enough, the lowest among equals."""
        size = self._rounded(n)
        fitting = [b for b in self.heap if b.status == FREE and b.size >= size]
        return min(fitting, key=lambda b: (b.size, b.addr), default=None)

    # ---- changes of the block list ------------------------------------------------------

    def _absorb_right(self, i):
        """Block i absorbs its right neighbour, including the header."""
        self.heap[i].size += self.block.header + self.heap[i + 1].size
        del self.heap[i + 1]

    def _split(self, block, n):
        """S1: cut the block to A(n) if a header and 8 bytes remain; S2: else keep the slack."""
        rest = block.size - self._rounded(n)
        if rest >= self.block.header + 8:
            self._rule("S1")
            block.size = self._rounded(n)
            behind = self.block(block.end, rest - self.block.header, FREE)
            self.heap.insert(self.heap.index(block) + 1, behind)
        elif rest > 0:
            self._rule("S2")

    def _extend(self, block, n):
        """The last block grows to exactly A(n) by moving the break (H3, X6, H5)."""
        self._move_break(self.brk + self._rounded(n) - block.size)
        block.size = self._rounded(n)

    def _append_block(self, size):
        """A free block at the end of the heap, or in a new region if the break was moved (B2)."""
        if self.heap and self.brk < self.heap[-1].end:
            self._rule("B2")        # the last block lies above the break, so nothing may grow
            raise SystemCallFailed
        begin = self._rounded(self.brk)
        continues = bool(self.heap) and begin == self.heap[-1].end
        if not continues:
            self.regions.append(begin)
        if begin != self.brk or (self.heap and not continues):
            self._rule("B2")
        self._move_break(begin + self.block.header + size)
        block = self.block(begin, size, FREE)
        self.heap.append(block)
        return block

    def _ends_at_break(self, block):
        return block.end == self.brk            # B2

    # ---- system calls (Y) ---------------------------------------------------------------

    def _refused(self):
        """Count a system call; whether it fails."""
        self._calls_made += 1
        return self._fail(self._calls_made - 1)

    def _record(self, name, args, result):
        self._now.syscalls.append(Sys(name, args, result))

    def _ask_break(self):
        if self._refused():
            self._record("brk", (), FAILED)
            raise SystemCallFailed
        self._record("brk", (), self.brk)
        self._break_known = True

    def _move_break(self, address):
        refused = self._refused()
        if not refused:
            self.brk = address
        self._record("brk", (address,), self.brk)
        if refused:
            raise SystemCallFailed

    def _map(self, n):
        """M1: a block with a mapping of its own."""
        self._rule("M1")
        length = self._rounded(n) + self.block.header
        if self._refused():
            self._record("mmap", (length,), FAILED)
            raise SystemCallFailed
        self._maps_made += 1
        address = self._maps_made * MAP_STRIDE
        self._record("mmap", (length,), address)
        self.maps[self._maps_made] = self.block(address, self._rounded(n), MAPPED)
        return self.maps[self._maps_made]

    def _unmap(self, block):
        """R2: give a mapping back, with the length that was mapped."""
        refused = self._refused()
        length = block.size + self.block.header
        self._record("munmap", (block.addr, length), FAILED if refused else 0)
        if refused:
            raise SystemCallFailed
        del self.maps[block.addr // MAP_STRIDE]

    # ---- free (R, B4) -------------------------------------------------------------------

    def _free(self, p):
        if p == NULL:
            self._rule("W4")
            return None
        block = self._block_of_payload(p)
        if block is None or block.status == FREE:
            self._rule("B4")
            self._now.misuse = self._misuse(p)
            return None
        self._release(block)
        return None

    def _release(self, block):
        """Free a live block."""
        if block.status == MAPPED:
            self._rule("R2")
            self._unmap(block)
        else:
            self._rule("R1")
            block.status = FREE

    def _blocks(self):
        return self.heap + list(self.maps.values())

    def _block_of_payload(self, p):
        """The block, live or free, whose payload is exactly p; None if there is none."""
        for block in self._blocks():
            if block.payload == p:
                return block
        return None

    def _misuse(self, p):
        """B4: what is wrong with a pointer that is no live block's payload."""
        for block in self._blocks():
            if block.contains(p):
                return "double free" if block.status == FREE else "interior pointer"
        return "invalid pointer"

    # ---- realloc (X) --------------------------------------------------------------------

    def _realloc(self, p, n):
        if p == NULL:
            return self._malloc(n)
        block = self._block_of_payload(p)
        if block is None:
            return self._give_up("B4", EINVAL)
        if block.status == FREE:
            self._rule("X2")
            return NULL
        if n == 0:
            self._rule("X1")
            self._release(block)
            return NULL
        if not self._can_exist(n):
            return self._give_up("W5", ENOMEM)
        if block.status == MAPPED:
            return self._realloc_mapped(block, n)
        return self._realloc_heap(block, n)

    def _realloc_mapped(self, old, n):
        """X3: always a new block, then the copy, then munmap."""
        self._rule("X3", "W3")
        new = self._new_block(n)
        self._copy(new, old, old.size, n)
        try:
            self._release(old)
        except SystemCallFailed:
            return self._take_back(new)
        return new.payload

    def _take_back(self, new):
        """B1 for X3: the old mapping could not be unmapped, so the new block is released."""
        self._now.copies.clear()
        try:
            self._release(new)
        except SystemCallFailed:
            pass        # the new block cannot be unmapped either, so it leaks
        return self._give_up("B1", ENOMEM)

    def _realloc_heap(self, block, n):
        """X4 to X8, in this order."""
        if self._rounded(n) <= block.size:
            self._rule("X4")
            self._split(block, n)
            return block.payload
        if not self._belongs_on_heap(n):
            self._rule("X5", "W3")
            return self._move(block, block.size, self._map(n), n)
        if block is self.heap[-1] and self._ends_at_break(block):
            self._rule("X6")
            self._extend(block, n)
            return block.payload
        old_size = block.size
        self._rule("X7")
        self._absorb_until(block, n)
        if block.size >= self._rounded(n):
            self._split(block, n)
            return block.payload
        self._rule("X8")
        return self._move(block, old_size, self._search_heap(n), n)

    def _absorb_until(self, block, n):
        """X7: take free right neighbours one at a time until A(n) bytes are there."""
        i = self.heap.index(block)
        while block.size < self._rounded(n) and i + 1 < len(self.heap):
            right = self.heap[i + 1]
            if right.status != FREE or right.addr != block.end:
                return
            self._absorb_right(i)

    def _move(self, old, old_size, new, n):
        """Copy to the new block and free the old one on the heap."""
        self._copy(new, old, old_size, n)
        self._release(old)
        return new.payload

    def _copy(self, new, old, old_size, n):
        """X9: copy everything that the user may have written, as far as it fits."""
        self._rule("X9")
        self._now.copies.append((new.payload, old.payload, min(old_size, aligned(n))))

    # ---- self-check ---------------------------------------------------------------------

    def check(self):
        """Raise BrokenModel if the state contradicts the contract's geometry."""
        self._check_blocks()
        self._check_regions()
        for number, block in self.maps.items():
            require(block.addr == number * MAP_STRIDE, "mapping at a wrong address")
            require(block.status == MAPPED, "mapping with a heap status")
        for block in self._blocks():
            require(block.size >= 8 and block.size % 8 == 0, "size is no multiple of 8")

    def _check_blocks(self):
        for block in self.heap:
            require(block.addr % 8 == 0, "header not 8-aligned")
            require(block.status in (FREE, ALLOC), "heap block with a foreign status")
        for left, right in zip(self.heap, self.heap[1:]):
            require(left.end <= right.addr, "blocks overlap")

    def _check_regions(self):
        """Blocks tile each region; without foreign callers of brk, the heap ends at the break."""
        ends = {block.end for block in self.heap}
        for block in self.heap:
            require(block.addr in ends or block.addr in self.regions, "hole between blocks")
        starts = {block.addr for block in self.heap}
        require(starts.issuperset(self.regions), "region without a block")
        if not self._break_shared:
            end = self.heap[-1].end if self.heap else self.start
            require(self.brk == end, "heap does not end at the break")
            require(len(self.regions) <= 1, "a gap although nobody moved the break")


def require(condition, what):
    """Raise BrokenModel unless the condition holds."""
    if not condition:
        raise BrokenModel(what)
