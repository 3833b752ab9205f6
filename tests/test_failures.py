# SPDX-License-Identifier: BSD-3-Clause
"""B1: the k-th system call of a sequence is refused, for every k, and nothing else changes.

Each sequence is played twice for every system call that it makes: with this call refused, and with
the next one refused as well. The operation that met the refusal is then repeated with memory
available, and the other operations follow. After every operation, the library's audit is clean, all
contents are verified, and the answer equals the model's. At the end, the heap is the same as
without a refusal.

STRESS=N in the environment multiplies the number of random sequences by N (make stress).
"""

import os
import random
from collections import Counter

import pytest

from tests.conftest import ROOT
from tests.harness.generated import replay
from tests.harness.spec import model, sequences, symbols
from tests.harness.tracing import events

FACTOR = int(os.environ.get("STRESS", "1"))

# Random sequences of each profile, and how many actions each is made of.
COUNTS = {"churn": 12, "edges": 24, "break": 24, "foreign": 24, "misuse": 6, "mixed": 24}
ACTIONS = 36

# What random sequences may miss: all paths to the kernel, above all those of os_realloc. The sizes
# leave 0 or few bytes at the end of F1's 131040, so that the next request moves the break.
SCENES = {
    "F1 by os_malloc": "m 10; m 10",
    "F1 by os_calloc": "c 3 10; c 3 10",
    "F1 by os_realloc": "r nil 10; r 0 500",
    "F1 at an odd break": "s 13; m 10; s 3; m 131000",
    "F1 by X3": "m 131040; r 0 100; m 131040; r 1 8",
    "F2": "m 140000; c 1 5000; f 0; f 1; m 1",
    "H3 keeps what waits apart": "m 40; m 40; m 40; m 8; f 0; f 1; f 2; m 131000; r 3 16; m 64",
    "H3 after merges at the end": "m 40; m 40; m 130000; f 1; f 2; m 131032; m 104",
    "H3 by os_calloc": "m 130824; c 2 100; c 2 1000; m 40; m 40; f 4; f 3; c 1 2024; m 24",
    "H4 by os_calloc": "m 64; m 64; m 130848; f 0; f 1; c 5 800; c 1 160; m 300",
    "H4": "m 131032; m 100; c 4 1000; m 131032; r nil 60000; f 1; f 0",
    "H4 with merges elsewhere": "m 8; m 24; m 24; m 130888; f 1; f 2; m 1000; f 0; r nil 100",
    "H3 by os_realloc": "m 24; m 24; m 130848; f 0; f 1; r nil 1000; m 64; r nil 131032",
    "H4 by os_realloc": "m 8; m 24; m 24; m 130888; f 1; f 2; r nil 1000; f 0; r nil 100",
    "mappings": "m 131040; c 1 4057; r nil 200000; f 1; r 0 140000; r 2 140000; f 5; r 4 0; m 1",
    "X3 to the heap": "m 200000; m 131040; r 0 1000; r 1 2000; m 60000; f 3; m 2000",
    "X3 to the heap by H3": "m 100000; m 200000; r 1 131000; f 2; m 131000",
    "X3 to the heap by H4": "m 131032; m 200000; r 1 1000; m 140000; r 3 64; f 2; m 64",
    "X3 with merges": "m 64; m 64; m 130000; m 200000; f 0; f 1; r 3 160; m 64; m 800",
    "X5": "m 1000; m 1000; f 0; r 1 131033; f 3; m 2032",
    "X5 of the last block": "m 131032; r 0 131033; r 1 262144; r 2 131032",
    "X6": "m 131032; r 0 131032; m 8; r 2 50; r 2 131032; f 0; r 2 131032",
    "X8 into a hole": "m 500; m 40; m 40; m 130000; f 0; f 2; r 1 400; m 100",
    "X8 by H3": "m 8; m 130000; m 8; m 8; f 2; r 0 131000; r 1 131032; m 8",
    "X8 by H4": "m 40; m 40; m 40; m 130824; f 1; r 0 131032; m 40; f 4; m 90",
    "X8 absorbs the end": "m 131032; m 40; m 40; f 2; r 1 120; m 40; f 1; f 2; m 40",
    "X8 absorbs a run at the end": "m 1000; m 129968; m 8; m 8; m 8; f 3; f 4; f 2; r 1 130500",
    "B2 in every growth": "m 131032; s 24; m 100; s 1; r 2 300; s 7; c 2 300; s -7; m 4000; f 2",
    "B2 and X8": "m 131032; m 40; m 40; f 2; s 9; r 1 200; m 8; s 100; s -50; r 6 90000; m 16",
}

# Refusals that must occur: the function, rules that lead there, the system call.
REFUSED = [
    *((name, rule, "brk") for name in ("os_malloc", "os_calloc", "os_realloc")
      for rule in ("F1", "H3", "H4", "B2", "H1 H3", "H1 H4")),
    *((name, "M1", "mmap") for name in ("os_malloc", "os_calloc", "os_realloc")),
    *(("os_realloc", rules, "brk") for rules in ("X3 F1", "X3 H3", "X3 H4", "X6", "X8 H3",
                                                 "X8 H4", "X8 B2")),
    ("os_realloc", "X3 M1", "mmap"), ("os_realloc", "X5 M1", "mmap"),
    *(("os_realloc", rules, "munmap") for rules in ("X1 R2", "X3 M1", "X3 F1", "X3 H3", "X3 H4")),
    ("os_free", "R2", "munmap"),
]

# Every sequence ends with these, which all succeed.
EPILOGUE = sequences.parse("m 100; c 5 20; m 131032; m 131040; r nil 200; c 1 5000")

NOTHING = ("nil", 0)        # the pointer NULL

# The library again, much smaller, for the limits of config.h.
HEAP_REACH = 1 << 20
REGIONS_MAX = 4


# ---- the corpus -----------------------------------------------------------------------------

def calls_of(reference):
    """The sequence of the calls in a reference."""
    made, operations = {}, []
    for event in symbols.parse_reference(reference.read_text()):
        call = events.parse_call(event)
        if call is None:
            continue
        letter = call.name[len("os_")]
        arguments = call.args
        if letter in "rf":
            pointer = (made[call.args[0]], 0) if call.args[0] else NOTHING
            arguments = [pointer, *call.args[1:]]
        if call.result:
            made[call.result] = len(operations)
        operations.append((letter, *arguments))
    return operations


def suite_sequences():
    """The calls of the traced programs."""
    return [calls_of(path) for path in sorted((ROOT / "tests/ref").glob("*.ref"))]


def random_sequence(rng, profile, model_class=model.Model, actions=ACTIONS):
    """A sequence without refusals so far."""
    player = sequences.Player(model_class)
    operations = []
    for action in sequences.random_actions(rng, profile, actions):
        operation = sequences.operation_for(player, profile, action)
        if operation is None or operation[0] == "x":
            continue
        operations.append(operation)
        player.play(operation)
        if player.ended:
            break
    return operations


def random_sequences():
    """COUNTS of them, the same every time."""
    rng = random.Random("failures")
    return [random_sequence(rng, profile)
            for profile, count in COUNTS.items() for _ in range(count * FACTOR)]


def scene_sequences():
    """SCENES, as operations."""
    return [sequences.parse(text) for text in SCENES.values()]


# ---- refusing -------------------------------------------------------------------------------

class Variant:
    """A sequence played with some of its system calls refused.

    operations  what is sent to the driver
    lines       the driver's lines, as the model has them
    made        the system calls that the operations of the sequence made, in order, by name
    refused     (Step, system call's name) of each call that was refused
    results     what each operation of the sequence returned in the end
    """

    def __init__(self, sequence, failing, model_class=model.Model):
        self.player = sequences.Player(model_class)
        self.operations, self.lines, self.made, self.refused = [], [], [], []
        self._failing = failing
        for operation in [("v",), *(("x", number + 1) for number in sorted(failing))]:
            self._play(operation)
        names = {}
        for number, operation in enumerate(sequence):
            names[number] = self._play_until_granted(sequences.renamed(operation, names))
            if self.player.ended:
                break
        self.results = [self.player.results[number] for number in names.values()]

    def _play(self, operation):
        self.operations.append(operation)
        self.lines.append(self.player.play(operation))

    def _play_until_granted(self, operation):
        """Repeat an operation while a chosen call of it is refused; returns its last number."""
        while True:
            self._play(operation)
            number = len(self.operations) - 1
            if self.player.ended or not self._was_refused():
                return number
            self._play(("w",))

    def _was_refused(self):
        """Count the system calls of the last step; returns whether one of them had to fail."""
        step = self.player.steps[-1]
        any_refused = False
        for call in step.syscalls if step else ():
            if len(self.made) in self._failing:
                self.refused.append((step, call.name))
                any_refused = True
            self.made.append(call.name)
        return any_refused

    def answer(self, can_walk):
        """The answer that the driver must give."""
        return replay.finish(self.lines, self.player, can_walk)

    def ends_alike(self):
        """Whether the end must be as without refusals: unless X3 freed a new block again."""
        return not any(step.name == "os_realloc" and call == "munmap" and "X3" in step.rules
                       for step, call in self.refused)


def choices(undisturbed):
    """The sets of system calls to refuse: each one, and each with the next."""
    for number in range(len(undisturbed.made)):
        yield {number}
        yield {number, number + 1}


def variants(sequence, model_class=model.Model):
    """The sequence undisturbed, then with each choice of calls refused."""
    sequence = sequence + EPILOGUE
    undisturbed = Variant(sequence, set(), model_class)
    yield undisturbed
    for failing in choices(undisturbed):
        yield Variant(sequence, failing, model_class)


class Comparison:
    """Makes a driver run variants, several ahead, and compares its answers with the model's."""

    def __init__(self, driver):
        self.driver = driver
        self.waiting = []

    def add(self, variant):
        """Run one variant; an earlier answer may be compared first."""
        text = sequences.text_of(variant.operations)
        while not self.driver.has_room(text):
            self.look()
        self.driver.send(text)
        self.waiting.append(variant)

    def look(self):
        """Compare the oldest answer that was not compared yet. Divergence if it is wrong."""
        variant = self.waiting.pop(0)
        expected, actual = variant.answer(self.driver.can_walk), self.driver.answer()
        if actual != expected:
            raise replay.Divergence(*replay.explain(variant.operations, expected, actual,
                                                    type(variant.player.model)))

    def finish(self):
        """Compare all remaining answers."""
        while self.waiting:
            self.look()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A running driver of the library as it is now."""
    with replay.Replay(*replay.build(out=tmp_path_factory.mktemp("replay"))) as running:
        yield running


# ---- the library against the model ----------------------------------------------------------

CORPORA = {"suite": suite_sequences, "random": random_sequences, "scenes": scene_sequences}
LEAST = {"suite": 1000, "random": 3000 * FACTOR, "scenes": 400}     # runs with a refusal


def compare_all(driver, sequence):
    """Compare all variants of a sequence; returns the number with refusals."""
    comparison = Comparison(driver)
    undisturbed, *others = variants(sequence)
    comparison.add(undisturbed)
    for variant in others:
        assert variant.refused
        assert variant.player.ended or all(variant.results[-len(EPILOGUE):])
        if variant.ends_alike():
            assert variant.player.last_lines(True) == undisturbed.player.last_lines(True)
        comparison.add(variant)
    comparison.finish()
    return len(others)


@pytest.mark.parametrize("corpus", CORPORA)
def test_b1_every_system_call_refused(driver, corpus, capsys):
    chosen = CORPORA[corpus]()
    count = sum(compare_all(driver, sequence) for sequence in chosen)
    with capsys.disabled():
        print(f"\n{corpus}: {len(chosen)} sequences, {count} runs with a refused system call")
    assert count >= LEAST[corpus]


def test_scenes_refuse_on_every_way_to_the_system():
    met = [(step.name, set(step.rules), call) for sequence in scene_sequences()
           for variant in variants(sequence) for step, call in variant.refused]
    missed = [(name, rules, call) for name, rules, call in REFUSED
              if not any(met_name == name and met_call == call and met_rules >= set(rules.split())
                         for met_name, met_rules, met_call in met)]
    assert missed == []


# ---- mistakes are noticed -------------------------------------------------------------------

class KeepsMerges(model.Model):
    """Merges before it asks for memory, and does not undo that."""

    def _call(self, name, args, work):
        step = super()._call(name, args, work)
        if "H1" in step.rules and "B1" in step.rules:
            self._merge_all_free()
        return step

    def _merge_all_free(self):
        self._now = model.Step("", ())
        self._merge_all()
        self._now = None


class ForgetsQuery(model.Model):
    """Asks for the break again after the growth was refused (F3)."""

    def _first_growth(self):
        self._break_known = False
        super()._first_growth()


class FreesAnyway(model.Model):
    """Treats a block as freed although its mapping is still there."""

    def _unmap(self, block):
        try:
            super()._unmap(block)
        except model.SystemCallFailed:
            del self.maps[block.addr // model.MAP_STRIDE]


class KeepsNewBlock(model.Model):
    """X3's new block is not freed if the old mapping could not be."""

    def _take_back(self, new):
        return self._give_up("B1", model.ENOMEM)


class LeavesErrno(model.Model):
    """Returns NULL without ENOMEM."""

    def _call(self, name, args, work):
        step = super()._call(name, args, work)
        if "B1" in step.rules:
            step.errno = 0
        return step


@pytest.mark.parametrize("wrong", [KeepsMerges, ForgetsQuery, FreesAnyway, KeepsNewBlock,
                                   LeavesErrno])
def test_mistake_is_noticed(driver, wrong):
    """The library does not make this mistake, so a model that does must be refuted."""
    for sequence in scene_sequences():
        for failing in choices(Variant(sequence, set())):
            variant = Variant(sequence, failing, wrong)
            driver.send(sequences.text_of(variant.operations))
            if driver.answer() != variant.answer(driver.can_walk):
                return
    pytest.fail("all scenes agree with " + wrong.__name__)


# ---- the heap's own limits ------------------------------------------------------------------

class SmallModel(model.Model):
    """The heap cannot be longer than HEAP_REACH nor have more than REGIONS_MAX regions."""

    def _move_break(self, address):
        if len(self.regions) > REGIONS_MAX:
            self._limit("regions")
        if self.heap and address - self.heap[0].addr > HEAP_REACH:
            self._limit("reach")
        super()._move_break(address)

    def _limit(self, name):
        self._rule(name)
        raise model.SystemCallFailed


@pytest.fixture(scope="module")
def small_driver(tmp_path_factory):
    """A running driver of a library with small limits."""
    limits = {"HEAP_REACH": f"{HEAP_REACH}UL", "REGIONS_MAX": REGIONS_MAX}
    built = replay.build_with(limits, tmp_path_factory.mktemp("small"))
    with replay.Replay(*built) as running:
        yield running


LIMIT_SCENES = [
    "; ".join(["m 131032"] * 7 + ["m 65000", "m 65392", "m 8", "m 8", "f 3", "m 131000", "m 8"]),
    "; ".join(["m 131032"] * 7 + ["r 6 131032", "m 100", "r 7 131032", "r 7 140000", "f 7"]),
    "m 131032; s 8; m 131032; s 8; m 131032; s 1; m 131032; s 8; m 131032; r 3 131032; f 0; m 9",
]


def test_heap_does_not_outgrow_its_links(small_driver):
    """ENOMEM without a system call where links or the table of regions end; all else goes on."""
    rng = random.Random("limits")
    chosen = [sequences.parse(text) for text in LIMIT_SCENES]
    chosen += [random_sequence(rng, profile, SmallModel, 150)
               for profile in ("break", "foreign") for _ in range(30 * FACTOR)]
    comparison = Comparison(small_driver)
    met = Counter()
    for operations in chosen:
        variant = Variant(operations, set(), SmallModel)
        comparison.add(variant)
        met.update((step.name, rule) for step in variant.player.steps if step
                   for rule in step.rules if rule in ("reach", "regions"))
    comparison.finish()
    assert set(met) == {(name, limit) for name in ("os_malloc", "os_calloc", "os_realloc")
                        for limit in ("reach", "regions")}
    assert sum(met.values()) >= 100
