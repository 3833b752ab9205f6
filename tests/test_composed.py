# SPDX-License-Identifier: BSD-3-Clause
"""A wrong allocator with two mistakes makes both of them."""

import itertools

from tests.harness import suite
from tests.harness.feedback import replays
from tests.harness.spec import realloc_mistakes
from tests.harness.spec.composed import compose, replayed
from tests.harness.spec.growth_mistakes import FirstBlockLosesRest
from tests.harness.spec.mistakes import (ALL, MergesAfterSplit, NeverSplits, SizesWrapAround,
                                         SizesWrapAroundBehindThreshold, SizesWrapAroundToNothing,
                                         ThresholdsNotStrict, ThresholdsWithoutHeader)
from tests.harness.spec.realloc_mistakes import (AbsorbsAll, AbsorbsBeforeMapping, AbsorbsOneTooFew,
                                                 AlwaysMoves, GrowsAfterAbsorbing,
                                                 GrowsPastThreshold, KeepsAbsorbedWhole,
                                                 NeverAbsorbs, ShrinksWithoutSplit)

REFERENCES = {name: events for name, events in suite.read_references(suite.load_suite()).items()
              if len(events) < 60}
OF_REALLOC = [kind for kind in ALL if kind.__module__ == realloc_mistakes.__name__]

# Pairs in which one changes what the other does, and why that is right.
DEPENDENT = {
    "nothing is absorbed, so that no block becomes the last one": [
        "AlwaysMoves GrowsAfterAbsorbing", "MovesToGrow GrowsAfterAbsorbing",
        "NeverAbsorbs GrowsAfterAbsorbing", "AbsorbsOnlyIfEnough GrowsAfterAbsorbing"],
    "the last block is moved, also if it has just become the last one": [
        "MovesLastBlock GrowsAfterAbsorbing", "MovesLastBlock GrowsWithoutHole"],
    "more was absorbed, and is kept whole": [
        "GrowsPastThreshold KeepsAbsorbedWhole", "MergesInRealloc KeepsAbsorbedWhole",
        "AbsorbsBeforeMapping KeepsAbsorbedWhole", "AbsorbsAll KeepsAbsorbedWhole",
        "AbsorbsWithRoom KeepsAbsorbedWhole"],
    "what was absorbed is not split off again": [
        "AbsorbsWithRoom ShrinksWithoutSplit", "AbsorbsWithRoom ReallocReturnsBlock"],
    "the block that did not become shorter takes less later": [
        "MergesInRealloc ShrinksWithoutSplit", "ShrinksWithoutSplit AbsorbsAll"],
    "what was merged is one neighbour, with which there is enough or not": [
        "MergesInRealloc AbsorbsOneTooFew", "MergesInRealloc AbsorbsOnlyIfEnough"],
    "what no mapping is made for, and what was merged, is returned as it is": [
        "ThresholdBeforeFit ReallocReturnsBlock", "MergesInRealloc ReallocReturnsBlock"],
    "what does not suffice is left alone": [
        "GrowsPastThreshold AbsorbsOnlyIfEnough",
        "AbsorbsBeforeMapping AbsorbsOnlyIfEnough", "AbsorbsAll AbsorbsOnlyIfEnough"],
}


def first_shown(mistakes, events):
    """(index of the first event that an allocator with these mistakes makes otherwise, what it
    makes there)."""
    made = [*replays.trace_of(mistakes, events), ()]
    index = next((number for number, pair in enumerate(zip(events, made))
                  if tuple(pair[0]) != tuple(pair[1])), len(events))
    return index, tuple(made[index])


def same_heap(mistake, events):
    """Whether an allocator with one mistake has the contract's blocks after some events."""
    return replayed(frozenset((mistake,)), events).snapshot() == \
        replayed(frozenset(), events).snapshot()


def hides(pair, alone):
    """Whether one of a pair, while the other has changed nothing, does not show what it shows
    `alone`: {(mistake, name of a program): first_shown()}."""
    for name, events in REFERENCES.items():
        first, second = sorted(pair, key=lambda kind: alone[kind, name][0])
        index = alone[first, name][0]
        if index < alone[second, name][0] and same_heap(second, events[:index]) and \
                first_shown(set(pair), events) != alone[first, name]:
            return True
    return False


def test_each_of_two_mistakes_in_os_realloc_is_as_wrong_as_alone():
    alone = {(kind, name): first_shown({kind}, events)
             for kind in OF_REALLOC for name, events in REFERENCES.items()}
    pairs = [pair for pair in itertools.combinations(OF_REALLOC, 2) if compose(frozenset(pair))]
    found = {" ".join(kind.__name__ for kind in pair) for pair in pairs if hides(pair, alone)}
    assert found == set(itertools.chain(*DEPENDENT.values()))


def test_the_heap_grows_by_what_is_missing_after_all_was_absorbed():
    events = REFERENCES["test-realloc-hole-before-break"][:7]
    grown = ("os_realloc(HeapStart + 0x18710, 50000)", "  brk(HeapStart + 0x24a60) = HeapStart "
             "+ 0x24a60", "  = HeapStart + 0x18710")
    assert replays.trace_of({GrowsAfterAbsorbing}, events)[-1] == grown
    assert replays.trace_of({GrowsAfterAbsorbing, AbsorbsAll}, events)[-1] == grown


def test_a_threshold_does_not_hide_that_os_realloc_does_not_ask_for_it():
    """A mistake also changes what the class that it inherits from changes."""
    events = REFERENCES["test-realloc-heap-to-mapping"][:2]
    assert events[1][1].startswith("  mmap(NULL, 140032,")
    for other in (ThresholdsNotStrict, ThresholdsWithoutHeader):
        shown = replays.trace_of({FirstBlockLosesRest, GrowsPastThreshold, other}, events)
        assert shown[1][1:] == ("  brk(HeapStart + 0x40f58) = HeapStart + 0x40f58",
                                "  = HeapStart + 0x20")
    for pair in itertools.combinations((SizesWrapAround, SizesWrapAroundToNothing,
                                        SizesWrapAroundBehindThreshold), 2):
        assert compose(frozenset(pair)) is None


def test_what_a_split_leaves_does_not_grow_the_heap():
    event = REFERENCES["test-realloc-hole-before-break"][0]
    assert replays.trace_of({MergesAfterSplit, GrowsAfterAbsorbing}, [event]) == [event]


def test_what_is_kept_whole_in_one_call_is_split_in_the_next():
    events = [("os_malloc(104)", "  = HeapStart + 0x20"),
              ("os_malloc(200)", "  = HeapStart + 0xa8"),
              ("os_malloc(16)", "  = HeapStart + 0x190"), ("os_free(HeapStart + 0xa8)", ""),
              ("os_realloc(HeapStart + 0x20, 112)", "  = HeapStart + 0x20")]
    model = replayed(frozenset((KeepsAbsorbedWhole,)), events)
    assert model.heap[0].size == 104 + 32 + 200
    model.realloc(model.heap[0].payload, 104)
    assert model.heap[0].size == 104


def test_mistakes_that_contradict_each_other_are_in_no_set():
    for pair in ((AlwaysMoves, ShrinksWithoutSplit), (AbsorbsAll, NeverAbsorbs),
                 (AbsorbsAll, AbsorbsOneTooFew)):
        assert compose(frozenset(pair)) is None
    assert compose(frozenset((AbsorbsBeforeMapping, NeverSplits))) is not None
