# SPDX-License-Identifier: BSD-3-Clause
"""Sequences of calls: read and write them, play them on the model, generate and shrink them.

A sequence is one line, `m 100; c 3 40; r 0 500; f 1`; replay.c describes the operations. In Python
an operation is a tuple: ("m", 100), ("c", 3, 40), ("r", pointer, 500), ("f", pointer), ("s", 24),
("x", 1), ("v",), ("w",). A pointer is a pair (base, offset). Its base is one of PLACES or the
number of an earlier operation, and then stands for the result of that operation.
"""

import re

from .model import ALLOC, FREE, HEADER, MAP_STRIDE, PTRDIFF_MAX, SIZE_MAX, Model, aligned

START = 1 << 32             # the model's initial break, so that small numbers are never heap
MAPS_LIMIT = 1 << 30        # replay_os.c refuses every mapping longer than this

# Pointers that no call returned -> their address in the model; None: the current break.
PLACES = {"nil": 0, "heap": START, "brk": None, "stack": -1 << 56, "data": -2 << 56,
          "code": -3 << 56, "hole": -4 << 56, "top": -5 << 56}
POINTER = re.compile(r"([a-z]+|\d+)([+-]\d+)?$")
ARGUMENTS = {"m": 1, "c": 2, "r": 2, "f": 1, "s": 1, "x": 1, "v": 0, "w": 0}


# ---- text -----------------------------------------------------------------------------------

def parse(text):
    """The operations in a sequence's text. ValueError names the wrong word."""
    return [_parse_operation(part.split()) for part in text.split(";") if part.strip()]


def _parse_operation(words):
    letter, arguments = words[0], words[1:]
    if ARGUMENTS.get(letter) != len(arguments):
        raise ValueError(f"no such operation: {' '.join(words)}")
    if letter in "rf":
        return (letter, _parse_pointer(arguments[0]), *map(int, arguments[1:]))
    return (letter, *map(int, arguments))


def _parse_pointer(word):
    match = POINTER.match(word)
    if not match or not (match[1].isdigit() or match[1] in PLACES):
        raise ValueError(f"no such pointer: {word}")
    base = int(match[1]) if match[1].isdigit() else match[1]
    return base, int(match[2] or 0)


def _pointer_text(pointer):
    base, offset = pointer
    return f"{base}{offset:+d}" if offset else f"{base}"


def operation_text(operation):
    """One operation as text."""
    return " ".join(_pointer_text(word) if isinstance(word, tuple) else str(word)
                    for word in operation)


def text_of(operations):
    """The text of a sequence."""
    return "; ".join(map(operation_text, operations))


def renamed(operation, numbers):
    """The operation with its pointer's base i, if it is an operation, changed to numbers[i]."""
    if operation[0] not in "rf" or not isinstance(operation[1][0], int):
        return operation
    base, offset = operation[1]
    return (operation[0], (numbers[base], offset), *operation[2:])


# ---- playing --------------------------------------------------------------------------------

def address_text(address):
    """A model address in the format of replay.c."""
    if address == 0:
        return "0"
    if address >= MAP_STRIDE:
        return f"{address // MAP_STRIDE}+{address % MAP_STRIDE:x}"
    return f"h{address - START:x}"


def _block_text(block):
    return f" {address_text(block.addr + HEADER)} {block.size}:{block.status}"


def _system_call_text(call):
    if call.name == "munmap":
        address, length = call.args
        return f"U{address_text(address)}:{length}{'!' if call.result else ''} "
    if call.name == "mmap":
        number = call.result // MAP_STRIDE
        return f"M{call.args[0]}{'!' if call.result == -1 else f'={number}'} "
    if not call.args:
        return "q! " if call.result == -1 else "q "
    return f"b{call.args[0] - START:x}{'' if call.result == call.args[0] else '!'} "


class Player:
    """Plays operations on the model and writes the driver's expected answer to each.

    model    the model after the operations so far
    results  the model address that each operation returned (0: none)
    owners   payload of each live block -> number of the operation that returned it
    steps    the model's Step of each operation, None if the operation is not a call
    own      bytes at the break that the program itself took and can return (B2)
    ended    whether the last operation was a misuse that aborts (B4)
    """

    def __init__(self, model_class=Model):
        self.model = model_class(start=START, fail=self._refuses)
        self.results = []
        self.owners = {}
        self.steps = []
        self.own = 0
        self.ended = False
        self._calls_made = 0
        self._failing = set()
        self._too_long = False

    def _refuses(self, number):
        self._calls_made = number + 1
        return self._too_long or number in self._failing

    def address(self, pointer):
        """The current model address of a pointer."""
        base, offset = pointer
        if isinstance(base, int):
            return self.results[base] + offset
        return (self.model.brk if base == "brk" else PLACES[base]) + offset

    def block(self, payload):
        """The model's block with this payload, free or not; None if there is none."""
        if payload >= MAP_STRIDE:
            return self.model.maps.get(payload // MAP_STRIDE)
        for block in self.model.heap:
            if block.addr + HEADER == payload:
                return block
        return None

    def play(self, operation):
        """Play one operation; the driver's line for it."""
        self.results.append(0)
        self.steps.append(None)
        letter = operation[0]
        if letter in "mcrf":
            return self._call(letter, *operation[1:])
        if letter == "s":
            return self._sbrk(operation[1])
        if letter == "x":
            self._failing.add(self._calls_made + operation[1] - 1)
        return self._heap_line() if letter == "w" else ""

    def _sbrk(self, delta):
        """The program moves the break up, or down by at most its own bytes there."""
        before = f"s {address_text(self.model.brk)}"
        if delta < -self.own:
            before = "too much " + before
        delta = max(delta, -self.own)
        self.model.foreign_sbrk(delta)
        self.own += delta
        return f"{before} {address_text(self.model.brk)}"

    def _call(self, letter, first, *rest):
        pointer = self.address(first) if letter in "rf" else 0
        old = pointer if pointer in self.owners else 0
        brk = self.model.brk
        step = self._step(letter, pointer, first, rest)
        self.steps[-1] = step
        if step.misuse:
            self.ended = True
            return "abort"
        if self.model.brk != brk:
            self.own = 0
        line = "".join(map(_system_call_text, step.syscalls))
        if letter == "f":
            line += f"= v {step.errno}"
        else:
            line += f"= {address_text(step.result)} {step.errno}"
        return line + self._headers(letter, old, rest, step)

    def _step(self, letter, pointer, first, rest):
        if letter == "f":
            return self.model.free(pointer)
        size = first * rest[0] if letter == "c" else rest[0] if letter == "r" else first
        self._too_long = aligned(size) + HEADER > MAPS_LIMIT
        if letter == "m":
            step = self.model.malloc(first)
        elif letter == "c":
            step = self.model.calloc(first, *rest)
        else:
            step = self.model.realloc(pointer, *rest)
        self._too_long = False
        return step

    def _headers(self, letter, old, rest, step):
        """The headers of a freed heap block and of the returned block; updates self.owners."""
        text = ""
        if old and step.result != old and self._was_freed(letter, rest, step):
            del self.owners[old]
            if old < MAP_STRIDE:
                text += self._header(old)
        if step.result:
            self.results[-1] = step.result
            self.owners[step.result] = len(self.results) - 1
            text += self._header(step.result)
        return text

    @staticmethod
    def _was_freed(letter, rest, step):
        if letter == "f" or rest[0] == 0:
            return not step.errno
        return bool(step.result)

    def _header(self, payload):
        block = self.block(payload)
        return f" {block.size}:{block.status}" if block else " gone"

    def last_lines(self, can_walk):
        """The driver's lines after those of the operations."""
        if self.ended:
            return []
        live = [_block_text(b) for b in self.model.heap if b.status == ALLOC]
        maps = [_block_text(b) for _, b in sorted(self.model.maps.items())
                if b.addr + HEADER in self.owners]
        lines = ["live" + "".join(live + maps)]
        if can_walk:
            lines.append(self._heap_line())
        return lines

    def _heap_line(self):
        """All blocks of the heap."""
        return "heap" + "".join(map(_block_text, self.model.heap))


# ---- making ---------------------------------------------------------------------------------

SMALL = [8, 16, 24, 32, 40, 48, 56, 64, 80, 100, 104, 128, 200, 256, 500]
EDGES = sorted({
    *range(1, 10), *range(24, 49, 4), 25, 31, 33, 39, 41, 1000,
    4008, 4048, 4055, 4056, 4057, 4058, 4064, 4096,
    130944, 130992, 131000, 131024, 131031, 131032, 131033, 131040, 131041, 131064, 131072,
    131104, 150000, 262144, *(1 << i for i in range(4, 19)), *((1 << i) - 32 for i in range(6, 18)),
})
LARGE = [1000, 4000, 8000, 16384, 20000, 30000, 43648, 60000, 65504, 87000, 131032]
IMPOSSIBLE = [SIZE_MAX - i for i in (0, 1, 6, 7, 8, 31, 32, 38, 39, 40, 4095)] + \
             [PTRDIFF_MAX + i for i in (-4096, -40, -39, -38, -32, -31, -8, -7, 0, 1, 2, 32)] + \
             [1 << 63, 1 << 62, 1 << 40, 1 << 32, 1 << 31, MAPS_LIMIT, MAPS_LIMIT - 31]
OVERFLOWS = [(1 << 32, 1 << 32), (SIZE_MAX, 2), (2, SIZE_MAX), (SIZE_MAX, SIZE_MAX),
             (1 << 63, 2), ((1 << 32) + 1, (1 << 32) - 1), (3, 6148914691236517206),
             (1 << 61, 8), (1 << 60, 8), (SIZE_MAX, 1), (1 << 33, 1 << 30), (7, SIZE_MAX // 7)]
# Distances from a size that just fits: the edges of A(n), of S1 (40) and of X7.
NEAR = [0, -8, 8, -1, 1, -32, -39, -40, -41, -48, 32, 40, 41, 48, -7, 7, -16, -24, 16, 24, -72]
ODD = [8, 1, -32, 16, 4, -8, -1, -24, 32, 24, 40, 4096]
FOREIGN = [8, 24, 1, 7, 13, 32, 100, 4096, 5000, 65]

CHURN = {"none": 1, "malloc": 10, "calloc": 3, "free": 12, "resize": 6, "eat": 5, "fit": 4,
         "realloc": 4}
PROFILES = {
    "churn": (SMALL, CHURN),
    "edges": (EDGES, {**CHURN, "malloc": 12, "calloc": 6, "realloc": 8, "fill": 3, "zero": 1,
                      "impossible": 1, "overflow": 1}),
    "break": (LARGE, {**CHURN, "fill": 6, "malloc": 14}),
    "failures": (EDGES + SMALL, {**CHURN, "fail": 12, "fill": 4, "zero": 1}),
    "foreign": (LARGE + SMALL, {**CHURN, "sbrk": 5, "fill": 5}),
    "misuse": (SMALL + EDGES, {**CHURN, "stale": 8, "odd": 8, "zero": 3, "bad-free": 1}),
    "mixed": (EDGES + SMALL + LARGE, {**CHURN, "stale": 2, "odd": 2, "zero": 1, "overflow": 1,
                                      "impossible": 1, "fail": 3, "sbrk": 2, "fill": 4}),
}


def kinds_of(profile):
    """The kinds of actions of a profile, each repeated by its weight, "none" first."""
    return [kind for kind, weight in PROFILES[profile][1].items() for _ in range(weight)]


def operation_for(player, profile, action):
    """The operation for an action in the player's current state; None if there is none.

    action: (kind, a, b). The kind is from kinds_of(profile); the numbers a and b, >= 0, make the
    choices. Choices are relative to the existing blocks, so a list of actions stays valid if some
    are removed.
    """
    kind, a, b = action
    sizes = PROFILES[profile][0]
    maker = MAKERS.get(kind)
    return maker(player, a, b, sizes[b % len(sizes)]) if maker else None


def _pick(values, number):
    return values[number % len(values)]


def _live(player, number):
    """(operation, payload) of a live block; None if there is none."""
    if not player.owners:
        return None
    payload = _pick(list(player.owners), number)
    return player.owners[payload], payload


def _free_sizes(player):
    return [b.size for b in player.model.heap if b.status == FREE]


def _malloc(_player, _a, _b, size):
    return "m", size


def _calloc(_player, a, _b, size):
    factors = [k for k in (1, 2, 3, 4, 8, 10, 16) if size % k == 0]
    factor = _pick(factors, a)
    return "c", factor, size // factor


def _free(player, a, _b, _size):
    chosen = _live(player, a)
    return ("f", (chosen[0], 0)) if chosen else None


def _realloc(player, a, b, size):
    chosen = _live(player, a)
    if not chosen or b % 16 == 15:
        return "r", ("nil", 0), size
    return "r", (chosen[0], 0), size


def _resize(player, a, b, _size):
    """Realloc to about the block's size: X4, X6 and slack."""
    chosen = _live(player, a)
    if not chosen:
        return None
    return "r", (chosen[0], 0), max(0, player.block(chosen[1]).size + _pick(NEAR, b))


def _eat(player, a, b, size):
    """Realloc to about the size of the block and its free right neighbours: X7, X8."""
    heap = player.model.heap
    fronts = [i for i in range(len(heap) - 1)
              if heap[i].status == ALLOC and heap[i + 1].status == FREE]
    if not fronts:
        return _resize(player, a, b, size)
    i = _pick(fronts, a)
    eaten = heap[i].size
    for neighbour in heap[i + 1:i + 2 + a // 64 % 3]:
        if neighbour.status == FREE:
            eaten += HEADER + neighbour.size
    return "r", (player.owners[heap[i].addr + HEADER], 0), max(1, eaten + _pick(NEAR, b))


def _fit(player, a, b, size):
    """Malloc of about a free block's size: ties in H2, edges of S1 and S2."""
    free_sizes = _free_sizes(player)
    if not free_sizes:
        return "m", size
    return "m", max(1, _pick(free_sizes, a) + _pick(NEAR, b))


def _fill(player, a, b, size):
    """Malloc that uses up most of the largest free block, so that the break soon moves."""
    largest = max(_free_sizes(player), default=131040)
    if largest < 2000:
        return "m", size
    return "m", largest - _pick([40, 0, 8, 200, 32, 72, 1000, 48], a + b)


def _zero(player, a, b, size):
    chosen = _live(player, b)
    choices = [("m", 0), ("c", 0, size), ("c", size, 0), ("r", ("nil", 0), 0), ("f", ("nil", 0))]
    if chosen:
        choices.append(("r", (chosen[0], 0), 0))
    return _pick(choices, a)


def _impossible(player, a, b, _size):
    size = _pick(IMPOSSIBLE, b)
    chosen = _live(player, a)
    choices = [("m", size), ("c", 1, size), ("r", (chosen[0] if chosen else "nil", 0), size)]
    return _pick(choices, a)


def _overflow(_player, _a, b, _size):
    return ("c", *_pick(OVERFLOWS, b))


def _stale(player, a, b, size):
    """Realloc of a stale pointer: X2 or EINVAL."""
    stale = [i for i, p in enumerate(player.results) if p and p not in player.owners]
    if b // 256 % 8 == 0:
        size = _pick(IMPOSSIBLE, a)
    return ("r", (_pick(stale, a), 0), size) if stale else None


def _odd_pointer(player, a, b):
    results = [i for i, p in enumerate(player.results) if p]
    choices = [("heap", 32), ("heap", 0), ("nil", 8), ("stack", 0), ("data", 0), ("code", 0),
               ("hole", 0), ("top", 0), ("brk", 0), ("brk", 32), ("brk", -8), ("heap", 40),
               ("brk", 4096), ("hole", 32), ("nil", 32), ("heap", -32)]
    if results and b % 3:
        return _pick(results, a), _pick(ODD, b // 3)
    return _pick(choices, a)


def _odd(player, a, b, size):
    return "r", _odd_pointer(player, a, b), 0 if a % 8 == 7 else size


def _bad_free(player, a, b, _size):
    stale = [i for i, p in enumerate(player.results) if p and p not in player.owners]
    if stale and b % 2:
        return "f", (_pick(stale, a), 0)
    return "f", _odd_pointer(player, a, b // 2)


def _fail(_player, a, _b, _size):
    return "x", a % 3 + 1


def _sbrk(player, a, b, _size):
    """The program takes memory at the break, or returns the memory that it took last."""
    if player.own and b % 3 == 0:
        return "s", -(player.own if a % 2 else a % player.own + 1)
    return "s", _pick(FOREIGN, a)


MAKERS = {"malloc": _malloc, "calloc": _calloc, "free": _free, "realloc": _realloc,
          "resize": _resize, "eat": _eat, "fit": _fit, "fill": _fill, "zero": _zero,
          "impossible": _impossible, "overflow": _overflow, "stale": _stale, "odd": _odd,
          "bad-free": _bad_free, "fail": _fail, "sbrk": _sbrk}


def random_actions(rng, profile, length, wave=None):
    """`length` random actions of a profile; rng: a random.Random.

    wave  number of actions after which the heap changes between growing and shrinking
    """
    kinds = kinds_of(profile)
    actions = []
    for number in range(length):
        kind = rng.choice(kinds)
        if wave and kind in ("malloc", "free") and rng.random() < 0.5:
            kind = "free" if number // wave % 2 else "malloc"
        actions.append((kind, rng.getrandbits(16), rng.getrandbits(16)))
    return actions


# ---- shrinking ------------------------------------------------------------------------------

def without(operations, number):
    """The sequence without one operation.

    If that is a realloc, its pointer replaces its result in later operations. Otherwise operations
    on its result are removed as well.
    """
    heir = operations[number][1] if operations[number][0] == "r" else None
    kept, renamed = [], {}
    for i, operation in enumerate(operations):
        used = operation[1][0] if operation[0] in "rf" else None
        if i == number:
            if heir is not None:
                renamed[i] = (renamed.get(heir[0], (heir[0], 0))[0], heir[1])
            continue
        if isinstance(used, int):
            if used not in renamed:
                continue
            base, offset = renamed[used]
            operation = (operation[0], (base, offset + operation[1][1]), *operation[2:])
        renamed[i] = (len(kept), 0)
        kept.append(operation)
    return kept


def _smaller_numbers(operation):
    """Simpler variants of one operation, the simplest first."""
    for place in range(1, len(operation)):
        value = operation[place]
        if not isinstance(value, int):
            continue
        for other in (1, 8, value // 2, value - 64, value - 8, aligned(value) - 8, value - 1):
            if 0 < other < value:
                yield (*operation[:place], other, *operation[place + 1:])


def shrink(operations, fails, budget=3000):
    """A shorter, simpler sequence for which fails(operations) is still true.

    Calls fails() at most `budget` times.
    """
    attempts = 0
    improved = True
    while improved and attempts < budget:
        improved = False
        for candidate in _candidates(operations):
            attempts += 1
            if fails(candidate):
                operations, improved = candidate, True
                break
            if attempts >= budget:
                break
    return operations


def _candidates(operations):
    """Slightly simpler sequences: without an end, without one operation, with a smaller number."""
    for length in (len(operations) // 2, len(operations) * 7 // 8):
        if 0 < length < len(operations):
            yield operations[:length]
    for number in reversed(range(len(operations))):
        yield without(operations, number)
    for number, operation in enumerate(operations):
        for smaller in _smaller_numbers(operation):
            yield operations[:number] + [smaller] + operations[number + 1:]
