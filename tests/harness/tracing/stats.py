# SPDX-License-Identifier: BSD-3-Clause
"""Statistics of a program's use of os_* from its normalised trace, and comparison with the model.

A trace is a list of events, each a tuple of lines, as from trace.events_text() and in references.
All sizes are in bytes. "Payload" is memory that the program requested. "Held" is memory that the
system gave: the heap from HeapStart to the break, and the mappings by the requested length. Calls
are numbered from 1 in the order of the trace.
"""

from collections import Counter
from dataclasses import dataclass, field

from .events import gives_back, parse_address, parse_call, parse_system_call
from ..spec.model import ALLOC, FREE, HEADER, MAP_STRIDE, MAPPED, MIN_SPLIT, Block, Model, aligned
from ..spec.symbols import step_text


@dataclass
class Live:
    """A live block: the requested bytes, and the call that made or last resized it."""

    asked: int
    call: int


@dataclass
class Tally:
    """The live blocks and the held memory after some call, with the maxima so far."""

    call: int = 0                               # number of the last call that was followed
    live: dict = field(default_factory=dict)    # payload address -> Live
    maps: dict = field(default_factory=dict)    # address of a mapping -> its length
    brk: int = 0                                # the break
    foreign: list = field(default_factory=list)  # (begin, end) by which the program moved it
    payload: int = 0
    most_payload: int = -1
    most_at: int = 0                            # the first call with the most payload live
    mapped: int = 0                             # bytes of all mappings
    most_mapped: int = 0

    @property
    def heap(self):
        """The bytes from HeapStart to the break, without those that the program itself took."""
        return self.brk - sum(end - begin for begin, end in self.foreign)

    def numbers(self):
        """The held memory and its parts, as plain data."""
        held = self.heap + self.mapped
        headers = HEADER * len(self.live)
        return {"call": self.call, "held": held, "heap": self.heap, "mapped": self.mapped,
                "blocks": len(self.live), "payload": self.payload, "headers": headers,
                "free_and_slack": held - headers - self.payload}


def count_sys(tally, call):
    """Follow the break and the mappings."""
    if call.name == "brk" and call.result not in (-1, None):
        tally.brk = call.result
    elif call.name == "mmap" and call.result not in (-1, None):
        tally.mapped += int(call.args[1]) - tally.maps.get(call.result, 0)
        tally.maps[call.result] = int(call.args[1])
        tally.most_mapped = max(tally.most_mapped, tally.mapped)
    elif call.name == "munmap" and call.result == 0:
        tally.mapped -= tally.maps.pop(parse_address(call.args[0]), 0)


def count_foreign(tally, event):
    """Follow a system call of the program itself, if it moves the break."""
    call = parse_system_call(event[0])
    before = tally.brk
    if call.name == "brk":
        count_sys(tally, call)
    if tally.brk > before:
        tally.foreign.append((before, tally.brk))


def count_call(tally, call):
    """Update the live blocks after a finished call."""
    if gives_back(call):
        gone = tally.live.pop(call.args[0], None)
        tally.payload -= gone.asked if gone else 0
    if call.result:
        tally.live[call.result] = Live(call.asked, tally.call)
        tally.payload += call.asked


def follow(events, until=None):
    """The Tally after the last event, or after call number `until`."""
    tally = Tally()
    for event in events:
        if tally.call == until:
            break
        call = parse_call(event)
        if not call:
            count_foreign(tally, event)
            continue
        for nested in call.syscalls:
            count_sys(tally, nested)
        tally.call += 1
        if call.finished:
            count_call(tally, call)
        if tally.payload > tally.most_payload:
            tally.most_payload, tally.most_at = tally.payload, tally.call
    return tally


def leaks(tally, calls):
    """The blocks that are live at the end: for each, the call that made or last resized it, and its
    size."""
    return [{"call": live.call, "name": calls[live.call - 1].name, "payload": live.asked}
            for live in sorted(tally.live.values(), key=lambda live: live.call)]


def numbers(events):
    """All statistics of a trace, as plain data."""
    calls = [call for call in map(parse_call, events) if call]
    end = follow(events)
    return {
        "calls": len(calls),
        "calls_by_name": dict(Counter(call.name for call in calls)),
        "system_calls": dict(Counter(nested.name for call in calls for nested in call.syscalls)),
        "largest_heap": end.heap,
        "largest_mapped": end.most_mapped,
        "fullest": follow(events, end.most_at).numbers(),
        "leaks": leaks(end, calls),
    }


# ---- blocks, for pictures -------------------------------------------------------------------

def heap_state(tally):
    """A Model in the state that the trace shows, for drawing.

    A trace does not show the borders of free blocks. So the space between two live blocks is one
    free block, or slack of the left block if it is too short for one (S1). Foreign memory is left
    out.
    """
    model = Model()
    model.brk = tally.brk
    taken = [(begin, end, None) for begin, end in tally.foreign]
    for payload, live in tally.live.items():
        block = Block(payload - HEADER, aligned(live.asked), ALLOC)
        if payload < MAP_STRIDE:
            taken.append((block.addr, block.end, block))
        else:
            model.maps[payload // MAP_STRIDE] = Block(block.addr, block.size, MAPPED)
    position = 0
    for begin, end, block in [*sorted(taken, key=lambda piece: piece[:2]), (tally.brk, 0, None)]:
        fill_gap(model.heap, position, begin)
        model.heap += [block] if block else []
        position = end
    return model


def live_state(tally):
    """A Model with only the live blocks of a trace, each as long as requested, since a trace does
    not show the allocator's other blocks."""
    model = Model()
    model.brk = tally.brk
    for payload, live in sorted(tally.live.items()):
        number = payload // MAP_STRIDE
        block = Block(payload - HEADER, aligned(live.asked), MAPPED if number else ALLOC)
        if number:
            model.maps[number] = block
        else:
            model.heap.append(block)
    return model


def fill_gap(heap, begin, end):
    """Append a free block from `begin` to `end`, or add the space to the last block as slack."""
    if end - begin >= MIN_SPLIT:
        heap.append(Block(begin, end - begin - HEADER, FREE))
    elif heap and heap[-1].end == begin:
        heap[-1].size += end - begin


@dataclass
class Density:
    """The heap in equal cells: `size` bytes each, and the live share of each (0 to 1)."""

    size: int
    shares: list


def density(model, cells):
    """The Density of a model's heap in at most `cells` cells; headers count with their block."""
    size = max(8, aligned(-(-model.brk // cells)))
    starts = range(0, model.brk, size)
    live = [0] * len(starts)
    for block in model.heap:
        if block.status == ALLOC:
            for cell in range(block.addr // size, -(-block.end // size)):
                live[cell] += min(block.end, starts[cell] + size) - max(block.addr, starts[cell])
    return Density(size, [part / min(size, model.brk - start)
                          for start, part in zip(starts, live)])


# ---- agreement with the contract ------------------------------------------------------------

@dataclass
class Agreement:
    """How far a trace agrees with the contract's model.

    calls       number of calls that were compared
    difference  (number of the call, expected lines, actual lines) or None
    stopped     why the model cannot follow the program any further, or ""
    """

    calls: int = 0
    difference: tuple = None
    stopped: str = ""


def compare_with_model(events, most_calls, page):
    """Repeat the traced calls in the contract's model and compare them event by event.

    most_calls  stop after this number of calls; None: compare all. A call takes the model about
                1 us for each block.

    System calls that failed in the trace fail in the model as well.
    """
    refused = [nested.refused for call in map(parse_call, events) if call
               for nested in call.syscalls]
    model = Model(page, fail=lambda i: i < len(refused) and refused[i])
    seen = Agreement()
    for event in events:
        if seen.difference or seen.stopped or seen.calls == most_calls:
            break
        call = parse_call(event)
        if call:
            compare_call(model, seen, call, event)
        else:
            follow_foreign(model, seen, parse_system_call(event[0]))
    return seen


def follow_foreign(model, seen, call):
    """Follow a system call of the program itself: the model knows only moves of the break (B2)."""
    if call.name == "brk" and call.result not in (-1, None):
        model.foreign_sbrk(call.result - model.brk)
    elif call.name in ("brk", "mmap", "munmap", "mremap"):
        seen.stopped = f"the program itself called {call.name}"


def compare_call(model, seen, call, event):
    """Make one call in the model; record a difference in `seen`."""
    if None in call.args:
        seen.stopped = f"the trace does not know the pointer in {event[0]}"
        return
    expected = step_text(model.step(call.name, call.args))
    seen.calls += 1
    if expected != event:
        seen.difference = seen.calls, expected, event
