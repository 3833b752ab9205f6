# SPDX-License-Identifier: BSD-3-Clause
"""The causes that are named for the failures of a suite are true ones."""

import random
import re
from types import SimpleNamespace

import pytest

from tests.harness import compare, suite
from tests.harness.feedback import causes, causetext, hints, replays
from tests.harness.spec.composed import compose, replayed
from tests.harness.spec.growth_mistakes import (FirstBlockIsWhole, FirstBlockLosesRest,
                                                FirstBlockLosesSlack, GrowsByPages,
                                                IgnoresFreeLastBlock, NoPreallocationBehindMapping)
from tests.harness.spec.history import make
from tests.harness.spec.mistakes import (ALL, CallocThresholdNotStrict,
                                         CallocThresholdWithoutHeader, FirstFit, HeaderOf24Bytes,
                                         MapsPages, NeverMerges, NeverSplits, SizesNotRounded,
                                         SizesWrapAround, ThresholdBeforeRounding,
                                         ThresholdNotStrict, ThresholdWithoutHeader,
                                         ThresholdsNotStrict, ThresholdsWithoutHeader)
from tests.harness.spec.realloc_mistakes import (AbsorbsAll, AbsorbsWithRoom, AlwaysMoves,
                                                 GrowsAfterAbsorbing, GrowsWithoutHole,
                                                 KeepsEqualMapping, MergesInRealloc, MovesLastBlock,
                                                 ReallocNeverGrows, ReallocReturnsBlock,
                                                 ShrinkingLosesSlack, ShrinksWithoutSplit,
                                                 ThresholdBeforeFit)
from tests.harness.spec.size_mistakes import (FirstBlockCountsHeader, FirstRestIsEmpty,
                                              FirstSplitLeavesGap, MergesWithoutHeader, SplitsShort)
from tests.harness.spec.structural_mistakes import (EnlargesBeforeThreshold, LosesRest,
                                                    NeverMarksNorChecksLive,
                                                    SearchesBeforeThreshold)
from tests.harness.spec.symbols import step_text
from tests.small_suite import library, run

TESTS = suite.load_suite()
REFERENCES = suite.read_references(TESTS)
HEADERS = {test.name: test.headers for test in TESTS}
PAIRS = 200
SINGLES_HIT, PAIRS_HIT = 0.95, 0.80     # shares of the first explanations that are true
SEED = 13


def outcome_of(name, mistakes):
    """The Outcome of a program on an allocator with these mistakes."""
    expected = REFERENCES[name]
    actual = replays.trace_of(mistakes, expected)
    made, said = replays.first_wrong_header(mistakes, HEADERS[name], expected, actual) or (0, "")
    says, signal = b"", None
    if said:
        actual, signal = [*expected[:made], ("killed(SIGILL)",)], "SIGILL"
        says = f"own.c:1: {said}\n".encode()
    difference = compare.first_difference(expected, actual)
    run = SimpleNamespace(comparable=True, stderr=says,
                          trace=SimpleNamespace(signal=signal, open_call=None))
    test = SimpleNamespace(name=name, hidden=False, group="free", headers=HEADERS[name])
    return compare.Outcome(test, expected, actual, run, 0.0, difference,
                           said or "it differs" if difference else "")


def found_for(mistakes):
    """(what is found, names of the failures) for an allocator with these mistakes."""
    outcomes = [outcome_of(name, mistakes) for name in REFERENCES]
    failed = [outcome.test.name for outcome in outcomes if not outcome.passed]
    return causes.find(outcomes), failed


def says_any_of(mistakes, rule, sentence):
    """Whether a hint is about one of these mistakes, alone or with those that it looks like."""
    return any(kind.__doc__ in sentence and (rule == kind.rule or f"({kind.rule})" in sentence)
               for kind in mistakes)


def true_of(mistakes):
    """Names of the mistakes whose sentences are true of an allocator with these: their own, and
    what they imply."""
    names = {kind.__name__ for kind in mistakes}
    implied = {kind for kind in ALL for other in mistakes if kind.__name__ in other.implies}
    return names | true_of(implied) if implied else names


def names_true_ones(mistakes):
    """Whether the first hint of the first failure that has one and the first cause are true."""
    found, failed = found_for(mistakes)
    said = next(filter(None, map(found.hints, failed)), [])
    return bool(said and found.causes) and says_any_of(mistakes, *said[0]) \
        and found.causes[0].mistake in true_of(mistakes)


def some_pairs():
    """Pairs of mistakes that go together, the same ones each time."""
    pairs = [frozenset((one, other)) for number, one in enumerate(ALL)
             for other in ALL[:number] if compose(frozenset((one, other)))]
    return random.Random(SEED).sample(sorted(pairs, key=lambda pair: sorted(
        kind.__name__ for kind in pair)), PAIRS)


def test_single_mistakes_are_named(capsys):
    wrong = [kind.__name__ for kind in ALL if not names_true_ones({kind})]
    rate = 1 - len(wrong) / len(ALL)
    with capsys.disabled():
        print(f"\nsingle mistakes named rightly: {rate:.1%} of {len(ALL)}; not: {wrong}")
    assert rate >= SINGLES_HIT


def test_pairs_of_mistakes_are_named(capsys):
    wrong = [pair for pair in some_pairs() if not names_true_ones(pair)]
    rate = 1 - len(wrong) / PAIRS
    with capsys.disabled():
        print(f"\npairs named rightly: {rate:.1%} of {PAIRS}; not:",
              *("+".join(sorted(kind.__name__ for kind in pair)) for pair in wrong))
    assert rate >= PAIRS_HIT


def test_nothing_is_named_where_nothing_failed():
    found, failed = found_for(frozenset())
    assert (found.causes, causetext.text(found), failed) == ([], "", [])


def test_a_mistake_that_a_passed_program_refutes_is_not_named():
    outcomes = [outcome_of(name, {NeverMerges}) for name in REFERENCES]
    name = next(outcome.test.name for outcome in outcomes if not outcome.passed)
    changed = [outcome_of(name, ()) if outcome.test.name == name else outcome
               for outcome in outcomes]
    assert [cause.mistake for cause in causes.find(outcomes).causes] == ["NeverMerges"]
    assert "NeverMerges" not in [cause.mistake for cause in causes.find(changed).causes]


@pytest.mark.parametrize("made", [ThresholdsNotStrict, ThresholdsWithoutHeader])
def test_a_cause_names_all_mistakes_that_nothing_tells_apart(made):
    """test-mixed-random-thresholds alone tells `>` from a header that is left out."""
    outcomes = [outcome_of(name, {made}) for name in REFERENCES]
    assert [cause.sentence for cause in causes.find(outcomes).causes] == [causes.sentence_of(made)]
    fewer = [outcome for outcome in outcomes if outcome.test.name != "test-mixed-random-thresholds"]
    assert [cause.sentence for cause in causes.find(fewer).causes] == [causes.sentence_of(
        ThresholdsNotStrict, [ThresholdsWithoutHeader, ThresholdBeforeRounding])]


def test_of_mistakes_that_nothing_tells_apart_the_one_that_is_true_in_either_case_comes_first():
    """No program of the suite tells these two apart."""
    both = causes.sentence_of(AbsorbsAll, [MergesInRealloc])
    for made in (AbsorbsAll, MergesInRealloc):
        assert [cause.sentence for cause in found_for({made})[0].causes] == [both]


@pytest.mark.parametrize("other", [ThresholdsNotStrict, ThresholdBeforeRounding,
                                   SizesNotRounded])
def test_the_first_os_realloc_of_most_students_is_one_cause(other):
    """os_malloc, memcpy and os_free: no mixture of what it does to slack, holes and the break."""
    first, *more = found_for({AlwaysMoves, other})[0].causes
    assert first.mistake == "AlwaysMoves" and len(first.programs) > 25
    assert all(other.__doc__ in cause.sentence for cause in more)


@pytest.mark.parametrize("made, later", [
    ({GrowsByPages, NeverMerges}, False), ({HeaderOf24Bytes, FirstBlockIsWhole, AlwaysMoves}, True),
    ({SizesNotRounded, KeepsEqualMapping, ThresholdNotStrict}, True)])
def test_the_example_of_each_cause_shows_this_cause(made, later):
    """Not the program's first difference, which may be another mistake's."""
    causes_found = found_for(made)[0].causes
    assert len(causes_found) == len(made)
    for cause in causes_found:
        example = cause.example
        events, call = example.outcome.actual[:example.index], example.outcome.actual[example.index]
        with_it, without = (step_text(make(replayed(kinds, events), call))
                            for kinds in (example.mistakes, example.others))
        assert example.mistakes - example.others == {one for one in ALL
                                                     if one.__name__ == cause.mistake}
        assert with_it == call != without
        record = causetext.record(cause)
        assert (record["expected"], record["found"]) == ([*without], [*call])
        assert f"event {example.index + 1}, {call[0]}" in record["where"]
    assert later == any(cause.example.index > cause.example.outcome.difference.index
                        for cause in causes_found)


@pytest.mark.parametrize("made", [
    {HeaderOf24Bytes, FirstBlockIsWhole, AlwaysMoves},
    {HeaderOf24Bytes, FirstBlockLosesRest, MovesLastBlock, NeverMerges},
    {FirstBlockLosesRest, SizesWrapAround, AlwaysMoves},
    {FirstBlockIsWhole, LosesRest, FirstFit},
    {FirstSplitLeavesGap, FirstBlockLosesSlack, AbsorbsAll},
    {EnlargesBeforeThreshold, FirstFit, ReallocNeverGrows},
    {GrowsWithoutHole, ShrinkingLosesSlack, NoPreallocationBehindMapping}])
def test_several_mistakes_are_told_from_those_that_look_alike_at_first(made):
    """A first block that is whole or loses its rest looks the same until it is freed."""
    assert {cause.mistake for cause in found_for(made)[0].causes} == {
        kind.__name__ for kind in made}


def named_for(mistakes):
    """Names of the mistakes that are named as causes for an allocator with these."""
    return {cause.mistake for cause in found_for(mistakes)[0].causes}


def test_a_mistake_is_exchanged_for_others_that_explain_more():
    """Alone, a library that never splits is nearest to these three, where headers say nothing."""
    made = {FirstBlockIsWhole, SplitsShort, ShrinksWithoutSplit}
    outcomes = [outcome_of(name, made) for name in REFERENCES]
    for outcome in outcomes:
        outcome.test.headers = ()
    search = causes.Search(map(causes.story_of, outcomes), causes.Replays(causes.MOST_CALLS))
    assert NeverSplits in search.improved(frozenset(), search.step)
    assert {cause.mistake for cause in causes.find(outcomes).causes} == {
        kind.__name__ for kind in made}


def test_a_mistake_is_exchanged_for_four_others():
    """One by one, as long as that explains more than a library that never splits."""
    made = frozenset((FirstBlockIsWhole, LosesRest, FirstFit, NeverMerges))
    stories = [causes.story_of(outcome_of(name, made)) for name in REFERENCES]
    search = causes.Search(stories, causes.Replays(causes.MOST_CALLS))
    before = frozenset((NeverSplits,))
    assert len(search.exchanged(before)) == 2 and search.exchanged_for_more(before) == made


@pytest.mark.parametrize("made, never", [
    ({FirstBlockCountsHeader}, "SizeWithHeader EnlargesWithoutHeader"),
    ({FirstBlockCountsHeader, HeaderOf24Bytes}, "SizeWithHeader EnlargesWithoutHeader"),
    ({FirstBlockIsWhole, FirstBlockCountsHeader}, "SizeWithHeader NeverSplits"),
    ({FirstBlockLosesRest, FirstFit, MergesWithoutHeader, ReallocReturnsBlock}, "NeverSplits")])
def test_a_size_that_is_not_its_places_is_told_from_what_looks_alike(made, never):
    """One block whose size is wrong is no library that counts headers, or that never splits."""
    found = named_for(made)
    assert found and found <= {kind.__name__ for kind in made}
    assert found.isdisjoint(never.split())


@pytest.mark.parametrize("story", ["test-malloc-best-fit", "test-realloc-absorbs-right"])
def test_what_a_mistake_has_no_part_in_is_not_replayed(story):
    """Every mistake alone is predicted from what the right allocator came to, if it changes none of
    that, exactly as by a replay."""
    told = causes.story_of(outcome_of(story, {FirstBlockIsWhole}))
    with_base, without = causes.Replays(causes.MOST_CALLS), causes.Replays(causes.MOST_CALLS)
    with_base.bases.append(frozenset())
    for kind in ALL:
        one = frozenset((kind,))
        assert with_base.predicted(one, told) == without.predicted(one, told), kind
    assert with_base.left > without.left


@pytest.mark.parametrize("story", ["test-malloc-best-fit", "test-realloc-absorbs-right"])
def test_what_a_set_predicts_without_a_mistake_that_it_does_not_use_is_not_replayed(story):
    told = causes.story_of(outcome_of(story, {FirstBlockIsWhole}))
    right = causes.Replays(causes.MOST_CALLS).predicted(frozenset(), told)
    spent = set()
    for kind in ALL:
        known = causes.Replays(causes.MOST_CALLS)
        known.bases.append(frozenset((kind,)))
        known.reached_in(frozenset((kind,)), told)
        left = known.left
        assert known.predicted(frozenset(), told) == right, kind
        spent.add(left - known.left > 0)
    assert spent == {False, True}


def test_no_mistake_is_named_where_it_is_superfluous():
    """Where the rest of the first 128 KiB is lost, no free block is the last one. Either mistake
    explains this failure, and the one without which more are not explained is named."""
    found = found_for({FirstBlockLosesRest, IgnoresFreeLastBlock})[0]
    assert found.by_program["test-malloc-grows-free-last"] == (FirstBlockLosesRest,)
    first, second = found.causes
    assert (first.mistake, second.mistake) == ("FirstBlockLosesRest", "IgnoresFreeLastBlock")
    assert second.example.mistakes == found.mistakes == {FirstBlockLosesRest, IgnoresFreeLastBlock}
    own = causetext.record(second)["picture"].split("as your library has it:")[1]
    assert " lost " in own


def test_a_live_block_that_looks_free_is_the_cause_of_what_it_leads_to():
    found = found_for({NeverMarksNorChecksLive, AlwaysMoves})[0]
    assert [cause.mistake for cause in found.causes][0] == "NeverMarksNorChecksLive"
    assert {cause.mistake for cause in found.causes} <= {"NeverMarksNorChecksLive", "AlwaysMoves"}


def test_a_mistake_is_found_that_hides_another_from_a_program():
    """FirstBlockLosesRest alone would fail a program that passes, since the first block, which is
    to become longer there, is returned as it is; other programs pass because of the threshold."""
    made = {FirstBlockLosesRest, ReallocReturnsBlock, ThresholdBeforeFit}
    found, failed = found_for(made)
    assert "test-realloc-calloc-block-stays-on-heap" not in failed
    assert {cause.mistake for cause in found.causes} == {kind.__name__ for kind in made}
    assert set(found.by_program) == set(failed)


@pytest.mark.parametrize("made, calls, shown", [
    (NoPreallocationBehindMapping, ["os_malloc(200000)", "os_malloc(96)"],
     ("  brk(0) = HeapStart + 0x0", "  brk(HeapStart + 0x80) = HeapStart + 0x80",
      "  = HeapStart + 0x20")),
    (FirstBlockLosesSlack, ["os_malloc(131016)", "os_realloc(HeapStart + 0x20, 131024)"],
     ("  brk(HeapStart + 0x20008) = HeapStart + 0x20008", "  = HeapStart + 0x20")),
    (FirstSplitLeavesGap, ["os_malloc(1000)", "os_malloc(96)"], ("  = HeapStart + 0x448",)),
    (FirstRestIsEmpty, ["os_malloc(1000)", "os_malloc(96)"],
     ("  brk(HeapStart + 0x20080) = HeapStart + 0x20080", "  = HeapStart + 0x428")),
    (AbsorbsWithRoom, ["os_malloc(400)", "os_malloc(96)", "os_malloc(16)",
                       "os_free(HeapStart + 0x21)", "os_realloc(HeapStart + 0x20, 200)",
                       "os_realloc(HeapStart + 0x20, 392)", "os_malloc(96)"],
     ("  = HeapStart + 0x1c8",)),
    (SearchesBeforeThreshold, ["os_malloc(16)", "os_calloc(1, 4096)"], ("  = HeapStart + 0x50",)),
    (EnlargesBeforeThreshold, ["os_malloc(80)", "os_malloc(150000)"],
     ("  brk(HeapStart + 0x24a80) = HeapStart + 0x24a80", "  = HeapStart + 0x90")),
    (GrowsAfterAbsorbing,
     ["os_malloc(1000)", "os_malloc(200)", "os_realloc(HeapStart + 0x21, 131000)"],
     ("  brk(HeapStart + 0x203e0) = HeapStart + 0x203e0", "  = HeapStart + 0x428")),
    (GrowsWithoutHole,
     ["os_malloc(1000)", "os_malloc(200)", "os_realloc(HeapStart + 0x21, 131000)"],
     ("  brk(HeapStart + 0x203e0) = HeapStart + 0x203e0", "  = HeapStart + 0x428")),
    (ShrinkingLosesSlack, ["os_malloc(200)", "os_malloc(130800)",
                           "os_realloc(HeapStart + 0x20, 176)",
                           "os_realloc(HeapStart + 0x20, 200)"],
     ("  brk(HeapStart + 0x200e8) = HeapStart + 0x200e8", "  = HeapStart + 0x20020")),
    (ReallocNeverGrows, ["os_malloc(200)", "os_realloc(HeapStart + 0x20, 208)"], ("  = NULL",))])
def test_what_a_mistake_shows_in_the_smallest_program(made, calls, shown):
    """0x20 stands for what the first call returned, 0x21 for that of the second."""
    events = [(call, f"  = HeapStart + {number:#x}") for number, call in enumerate(calls, 0x20)]
    assert replays.trace_of({made}, events)[-1][1:] == shown
    assert replays.trace_of((), events)[-1][1:] != shown


def test_what_is_expected_is_the_contracts_or_is_said_not_to_be():
    found = found_for({FirstBlockLosesRest, IgnoresFreeLastBlock, MapsPages})[0]
    assert len(found.causes) == 3
    for record, cause in zip(causetext.records(found), found.causes):
        expected = cause.example.outcome.expected[cause.example.index]
        assert ("but with the others" in record["where"]) == (record["expected"] != [*expected])
    assert sum("but with the others" in record["where"]
               for record in causetext.records(found)) == 1


@pytest.mark.parametrize("made, drawn", [
    ({FirstBlockIsWhole}, "### 131040 ###"), ({NeverSplits}, "### 131040 ###"),
    ({HeaderOf24Bytes}, "+0x18 ")])
def test_the_heap_of_the_library_is_drawn_with_its_mistakes(made, drawn):
    picture = causetext.records(found_for(made)[0])[0]["picture"]
    contract, own = picture.split("as your library has it:")
    assert drawn in own and drawn not in contract


def test_sizes_that_are_not_rounded_wrap_around_as_they_are():
    """SIZE_MAX itself is never rounded up to 0: the mapping is refused, or the block is moved."""
    events = [("os_malloc(1)", "  = HeapStart + 0x20")]
    events += [("os_realloc(HeapStart + 0x20, 18446744073709551615)", "  = NULL")]
    shown = replays.trace_of({SizesNotRounded, SizesWrapAround}, events)[-1]
    assert any("mmap(NULL, 18446744073709551647," in line for line in shown), shown
    assert replays.trace_of({SizesWrapAround}, events)[-1][1:] == ("  = HeapStart + 0x20",)


def test_a_block_that_is_moved_for_its_own_size_has_a_hint():
    outcome = outcome_of("test-realloc-same-size", {AlwaysMoves})
    found = hints.hints(outcome.difference, outcome.expected, ["X4"])
    assert ("X4", causes.sentence_of(AlwaysMoves)) in found


def garbled_after(name, mistakes):
    """(an outcome that shows these mistakes at its first difference and then what none explains,
    one that agrees with the reference up to the call behind and then shows the same)."""
    outcome = outcome_of(name, mistakes)
    index, made = outcome.difference.index, []
    for events in (outcome.actual, outcome.expected):
        actual = [*events[:index + 1], ("os_malloc(1)", "  = HeapStart + 0x8"), ("exit(0)",)]
        difference = compare.first_difference(outcome.expected, actual)
        made.append(compare.Outcome(outcome.test, outcome.expected, actual, outcome.run, 0.0,
                                    difference, "it differs"))
    return made


def test_a_hint_that_another_failure_contradicts_is_not_given():
    shown, _ = garbled_after("test-malloc-best-fit", {FirstFit})
    _, denied = garbled_after("test-mixed-fragmentation", {FirstFit})
    hint = (FirstFit.rule, causes.sentence_of(FirstFit))
    alone, both = causes.find([shown]), causes.find([shown, denied])
    assert (alone.causes, both.causes) == ([], [])
    assert hint in alone.hints(shown.test.name) and hint not in both.hints(shown.test.name)


def test_a_sentence_of_several_mistakes_names_their_rules():
    others = [ThresholdNotStrict, CallocThresholdNotStrict, CallocThresholdWithoutHeader]
    assert causes.sentence_of(NeverMerges, others) == (
        "the library does not merge adjacent free blocks before it searches the heap, or still "
        "puts a block of exactly 128 KiB, header included, on the heap (W1), or still puts an "
        "os_calloc block of exactly one page, header included, on the heap (W2), or makes another "
        "mistake that shows the same here")


@pytest.mark.parametrize("most", [0, 10, 300])
def test_the_effort_has_a_bound(most, monkeypatch):
    monkeypatch.setattr(causes, "MOST_CALLS", most)
    outcomes = [outcome_of(name, {NeverMerges}) for name in REFERENCES]
    search = causes.Search(map(causes.story_of, outcomes), causes.Replays(most))
    search.best()
    assert search.replays.left >= 0
    assert causes.find(outcomes).failed == sum(not outcome.passed for outcome in outcomes)


def test_mistakes_that_undo_each_other_are_not_composed():
    assert compose(frozenset((ThresholdNotStrict, ThresholdWithoutHeader))) is None
    assert issubclass(compose(frozenset((NeverMerges, ThresholdNotStrict))), NeverMerges)


def test_the_run_of_a_wrong_library_begins_with_its_cause():
    output = run("--library", library("NO_PREALLOCATION")).stdout
    assert re.search(r"^1 mistake explains (\d+) of \1 failures\.\n\n1\. F1: the library grows "
                     r"the heap only by what the first request needs", output, re.MULTILINE)
    assert "First call that differs" not in output and "failures are explained above" in output
