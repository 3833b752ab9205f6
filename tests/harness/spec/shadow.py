# SPDX-License-Identifier: BSD-3-Clause
"""A shadow heap: check, without a reference, that each call of a trace behaves like an allocator's.

From the trace alone, it follows the program break, the library's mappings and the live blocks. As
long as a block lives, it must lie in the heap or in a mapping, be 8-aligned and overlap no other
live block. A call may return NULL only if the system refused memory. The traced programs themselves
check contents (kept by realloc, zero from calloc).
"""

from .model import PTRDIFF_MAX, aligned
from ..tracing.trace import Call, Names, call_text, whole_pages, without

MOST = 5            # complaints about one trace


def complaints(trace):
    """The first few errors in the calls of a trace.Trace: (event number from 1, sentence) each."""
    shadow = Shadow(trace.heap_start)
    found = []
    for number, event in enumerate(trace.events, 1):
        for sentence in shadow.take(event) if isinstance(event, Call) else shadow.system(event):
            found.append((number, sentence))
    return found[:MOST]


def requested(call):
    """The number of bytes that a call requests; 0 for os_free."""
    if call.name == "os_calloc":
        return call.args[0] * call.args[1]
    return 0 if call.name == "os_free" else call.args[-1]


class Shadow:
    """The state after the events so far."""

    def __init__(self, heap_start):
        self.start = self.brk = heap_start
        self.maps = []          # (first, end) of what the library has mapped
        self.live = {}          # address -> bytes that belong to the program
        self.names = Names(heap_start)
        self.refused = False    # whether a system call of the call at hand failed

    def system(self, call):
        """Follow one system call. Yields nothing; a generator like take()."""
        if call.result is None:
            return
        if call.name == "brk":
            self.refused = call.result < call.args[0]
            self.brk = call.result
        elif call.name == "mmap" and call.result >= 0:
            self.maps.append((call.result, whole_pages(call.result + call.args[1])))
            self.names.mapped(call.result, call.args[1])
        elif call.name == "munmap" and call.result == 0:
            end = whole_pages(sum(call.args))
            self.maps = [part for piece in self.maps
                         for part in without(piece, call.args[0], end)]
        else:
            self.refused = True
        yield from ()

    def take(self, call):
        """Follow one call of the API; yields a sentence for each error."""
        self.refused = False
        for system_call in call.syscalls:
            list(self.system(system_call))
        if not call.finished:
            return
        text = call_text(self.names, call)
        old = call.args[0] if call.name in ("os_realloc", "os_free") else 0
        if self.ends(call, old):
            self.live.pop(old, None)
        for address, size in self.live.items():
            if not self.inside(address, size):
                yield f"{text}: the memory of a live block is gone"
        size = requested(call)
        if call.result:
            yield from self.new_block(text, call.result, size)
        elif size and not self.refused and size <= PTRDIFF_MAX and (not old or old in self.live):
            yield f"{text}: returned NULL although the system refused nothing"

    def ends(self, call, old):
        """Whether a call ended the life of the block `old`."""
        if not old or (self.refused and not call.result):
            return False
        return bool(call.result) or requested(call) == 0

    def new_block(self, text, address, size):
        """Add a block that a call returned; yields a sentence for an error."""
        if address % 8:
            yield f"{text}: the result is not 8-aligned"
        if not self.inside(address, 1):
            yield f"{text}: the result lies outside the heap and outside every mapping"
        elif not self.inside(address, aligned(size)):
            yield f"{text}: the block ends outside the heap or the mapping in which it begins"
        elif self.overlaps(address, size):
            yield f"{text}: the result overlaps a live block"
        self.live[address] = size

    def inside(self, address, size):
        """Whether these bytes lie in the heap or in one mapping."""
        rooms = [(self.start, self.brk), *self.maps]
        return any(first <= address and address + size <= end for first, end in rooms)

    def overlaps(self, address, size):
        """Whether one of these bytes belongs to a live block."""
        return any(address < other + max(length, 1) and other < address + max(size, 1)
                   for other, length in self.live.items())
