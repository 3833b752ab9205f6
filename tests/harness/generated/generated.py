# SPDX-License-Identifier: BSD-3-Clause
"""Generated tests, which no submission has seen: random sequences, perturbed variants, refusals.

    seed     random calls, as in tests/random_calls.py
    variant  a perturbed variant of a program of the suite: the same calls with other sizes, chosen
             so that the model decides each call by the same rules. A library that only knows the
             program's trace fails it
    fault    calls during which the system refuses memory or refuses munmap

One program (player.c) plays all of them. They are traced and compared like the suite's programs;
the model supplies the expected events. They depend only on the seed and the suite.
"""

import random
from dataclasses import dataclass

from .. import build, suite
from ..spec import sequences, symbols
from ..tracing.events import parse_call
from ..spec.model import PAGE, PTRDIFF_MAX, Model

VERSION = 2                 # increase it when the same seed gives other sequences
PLAYER = build.HERE / "generated/player.c"
SEED_ACTIONS = 60
SEED_PROFILES = ("churn", "edges", "break")
LARGEST = 1 << 22           # bytes of the largest request that must succeed
VARIANT_LONGEST = 400          # operations of the longest program that gets a variant
DELTAS = (8, -8, 16, -16, 24, -24, 40, -40, 3, -3, 64, -64)
TRIES = 120                 # changes that are tried for one variant
NIL = ("nil", 0)

# Every path to a system call. The sizes leave little free, so the heap grows by a page or more.
FAULT_SCENES = {
    "first-use-by-malloc": "m 1000; m 500",
    "first-use-by-calloc": "c 10 100; m 500",
    "first-use-by-realloc": "r nil 1000; m 500",
    "growth-of-a-free-end": "m 100000; m 60000; m 500",
    "growth-by-a-new-block": "m 131032; m 50000; f 0; m 40000",
    "growth-by-calloc": "m 131032; c 20 200; m 100",
    "growth-in-place": "m 131032; r 0 131032; m 20000; r 2 60000; m 100",
    "growth-after-absorbing": "m 60000; m 30000; m 41000; f 1; r 0 130000; m 16",
    "growth-after-merging": "m 60000; m 30000; m 40000; f 0; f 1; m 120000; r 2 64",
    "mapping-by-malloc": "m 200000; m 100; f 0",
    "mapping-by-calloc": "c 5 1000; m 100; f 0",
    "mapping-by-realloc": "m 1000; r 0 200000; m 1000; f 1",
    "mapping-to-mapping": "m 200000; r 0 300000; f 1; m 8",
    "mapping-to-heap": "m 200000; m 64; r 0 5000; f 2",
    "freed-mapping": "m 200000; m 300000; f 0; f 1; m 64",
    "resized-to-nothing": "m 200000; r 0 0; m 64",
}


@dataclass(frozen=True)
class GeneratedTest:
    """A generated test: its name, its kind, the player's input, the expected events."""

    name: str
    kind: str
    text: str
    events: list


def from_record(record):
    """The GeneratedTest in a JSON object."""
    return GeneratedTest(record["name"], record["kind"], record["text"],
                         [tuple(event) for event in record["events"]])


class Starved(Model):
    """A model on a system that refuses memory (`short`) or munmap (`stuck`)."""

    def __init__(self):
        super().__init__(fail=lambda _number: self.refuses)
        self.short = self.stuck = self.refuses = False
        self.least = PTRDIFF_MAX        # the smallest refused growth of the break

    def _ask_break(self):
        self.refuses = False
        super()._ask_break()

    def _move_break(self, address):
        self.refuses = self.short
        if self.short:
            self.least = min(self.least, address - self.brk)
        super()._move_break(address)

    def _map(self, n):
        self.refuses = self.short
        return super()._map(n)

    def _unmap(self, block):
        self.refuses = self.stuck
        super()._unmap(block)


class Playing:
    """Plays operations on the model, and records its steps and the input for player.c."""

    def __init__(self):
        self.model = Starved()
        self.results, self.steps, self.words = [], [], []

    def play(self, operation):
        """Play one operation; its Step, or None if it is not a call."""
        letter, *args = operation
        step = None
        if letter in "lbu":
            self.model.short = letter == "l" or (self.model.short and letter != "b")
            self.model.stuck = self.model.stuck or letter == "u"
        else:
            step = self._call(letter, args)
            self.steps.append(step)
        refused = step is not None and not {"B1", "W5"}.isdisjoint(step.rules)
        self.words.append(sequences.operation_text(operation) + " !" * refused)
        self.results.append(step.result if step and step.result else 0)
        return step

    def _call(self, letter, args):
        if letter in "rf":
            base, _ = args[0]
            pointer = 0 if base == "nil" else self.results[base]
            return self.model.realloc(pointer, args[1]) if letter == "r" else \
                self.model.free(pointer)
        return self.model.malloc(*args) if letter == "m" else self.model.calloc(*args)

    def test(self, name, kind):
        """The operations so far as a GeneratedTest."""
        reference = symbols.reference(self.steps, 0)
        return GeneratedTest(name, kind, "; ".join(self.words), symbols.parse_reference(reference))


def played(operations):
    """A new Playing after these operations."""
    playing = Playing()
    for operation in operations:
        playing.play(operation)
    return playing


def program():
    """The path of the player, built when outdated."""
    return build.build_program(PLAYER, build.SOURCES, headers=suite.DEFAULT_ROOT / "snippets")


# ---- random sequences ----------------------------------------------------------------------

def random_tests(count, seed):
    """`count` random sequences."""
    return [played(random_operations(random.Random(f"seed/{seed}/{number}"))).test(
        f"seed-{number + 1}", "seed") for number in range(count)]


def random_operations(rng):
    """The operations of one random sequence: only valid calls, and no huge ones that succeed."""
    profile = rng.choice(SEED_PROFILES)
    player = sequences.Player()
    operations = []
    for action in sequences.random_actions(rng, profile, SEED_ACTIONS):
        operation = sequences.operation_for(player, profile, action)
        if operation is None or operation[0] not in "mcrf" or not moderate(operation):
            continue
        operations.append(operation)
        player.play(operation)
    return operations


def moderate(operation):
    """Whether a request succeeds on every machine or on none."""
    letter, *args = operation
    size = args[0] * args[1] if letter == "c" else args[-1] if letter in "mr" else 0
    return size <= LARGEST or size > PTRDIFF_MAX


# ---- perturbed variants --------------------------------------------------------------------

def operations_of(events):
    """The calls of a reference as operations; None if one uses a pointer that no call returned."""
    made, operations = {}, []
    for event in events:
        call = parse_call(event)
        if call is None:
            continue
        letter, arguments = call.name[len("os_")], list(call.args)
        if letter in "rf":
            if arguments[0] and arguments[0] not in made:
                return None
            arguments[0] = (made[arguments[0]], 0) if arguments[0] else NIL
        if call.result:
            made[call.result] = len(operations)
        operations.append((letter, *arguments))
    return operations


def signature(playing):
    """The decisions in each call, which are equal for a sequence and its variant."""
    return [(step.name, tuple(step.rules), [call.name for call in step.syscalls],
             not step.result, step.args and step.result == step.args[0])
            for step in playing.steps]


def sizes_in(operations):
    """(index of the operation, index of the argument) of each number that may be changed."""
    first = {"m": 1, "c": 1, "r": 2, "f": 2}
    return [(number, place) for number, operation in enumerate(operations)
            for place in range(first[operation[0]], len(operation))
            if 0 < operation[place] <= PTRDIFF_MAX]


def changed(operations, places, delta):
    """The operations with `delta` added at each of the places; None if a size would be below 1."""
    result = [list(operation) for operation in operations]
    for number, place in places:
        result[number][place] += delta
        if result[number][place] <= 0:
            return None
    return [tuple(operation) for operation in result]


def variant(name, operations, rng):
    """A perturbed variant of these operations: a GeneratedTest with the same signature() and other
    sizes; None if none was found."""
    wanted = signature(played(operations))
    best = operations
    for _ in range(TRIES):
        places = sizes_in(best)
        if not places:
            return None
        number, place = rng.choice(places)
        value = best[number][place]
        same = [(n, p) for n, p in places if best[n][p] == value]
        candidate = changed(best, rng.choice([same, [(number, place)]]), rng.choice(DELTAS))
        if candidate and rng.random() < 0.5:
            other = rng.choice(places)
            candidate = changed(candidate, [other], rng.choice(DELTAS))
        if candidate and signature(played(candidate)) == wanted:
            best = candidate
    return None if best == operations else played(best).test(name, "variant")


def variants(references, seed):
    """{name of a program: its perturbed variant} for references {name: events}; some programs have
    none."""
    made = {}
    for name, events in references.items():
        operations = operations_of(events)
        if operations and len(operations) <= VARIANT_LONGEST:
            # This text decides which variants a seed gives, so it stays as it is.
            found = variant(name, operations, random.Random(f"twin/{seed}/{name}"))
            if found:
                made[name] = found
    return made


# ---- refusals ------------------------------------------------------------------------------

def refusals():
    """For each scene: a GeneratedTest for each operation that needs memory, in which it is refused
    once and then repeated; and a GeneratedTest for each operation that unmaps, in which munmap is
    refused."""
    tests = []
    for name, text in FAULT_SCENES.items():
        operations = sequences.parse(text)
        undisturbed = played(operations)
        for number, step in enumerate(undisturbed.steps):
            names = {call.name for call in step.syscalls}
            if names & {"brk", "mmap"}:
                tests.append(short(f"{name}-{number + 1}", operations, number))
            if "munmap" in names:
                tests.append(stuck(f"{name}-{number + 1}-munmap", operations, number))
    return [test for test in tests if test]


def short(name, operations, refused):
    """The operations, with number `refused` first refused and then repeated. None if the growth is
    less than a page, since the refusal might then have no effect."""
    playing, names = Playing(), {}
    for number, operation in enumerate(operations):
        if number == refused:
            for extra in (("l",), sequences.renamed(operation, names), ("b",)):
                playing.play(extra)
        playing.play(sequences.renamed(operation, names))
        names[number] = len(playing.results) - 1
    return None if playing.model.least < PAGE else playing.test(name, "fault")


def stuck(name, operations, first):
    """The operations up to number `first`, with munmap refused from there on, and two more
    requests. The block that should have been freed stays live."""
    playing, names = Playing(), {}
    for number, operation in enumerate(operations):
        if number == first:
            playing.play(("u",))
        playing.play(sequences.renamed(operation, names))
        names[number] = len(playing.results) - 1
        if number == first:
            break
    for extra in sequences.parse("m 100; m 200000"):
        playing.play(extra)
    return playing.test(name, "fault")
