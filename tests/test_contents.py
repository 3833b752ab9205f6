# SPDX-License-Identifier: BSD-3-Clause
"""Failures in which contents were lost, changed or not zero have a cause that is true."""

from types import SimpleNamespace

import pytest

from tests import small_suite, submit
from tests.harness import compare, suite
from tests.harness.feedback import causes, causetext, contents
from tests.test_symptoms import library

REFERENCES = suite.read_references(suite.load_suite())
FIRST = ("os_malloc(100)", "  brk(0) = HeapStart + 0x0",
         "  brk(HeapStart + 0x20000) = HeapStart + 0x20000", "  = HeapStart + 0x20")


def outcome_of(name, index=None, text="", events=None):
    """The Outcome of a program that stopped itself behind its call number `index` with a failed
    check, None: that passed. `events`: those of the library, if they are not the reference's."""
    expected = REFERENCES.get(name, events)
    actual, signal = events or expected, None
    if index is not None:
        actual, signal = [*actual[:index + 1], ("killed(SIGILL)",)], "SIGILL"
    run = SimpleNamespace(comparable=True, stderr=f"{name}.c:1: {text}\n".encode(),
                          trace=SimpleNamespace(signal=signal, open_call=None))
    test = SimpleNamespace(name=name, hidden=False, group="free", headers=())
    return compare.Outcome(test, expected, actual, run, 0.0,
                           compare.first_difference(expected, actual), text)


def outcomes_of(text, function, seen_in, loses):
    """The Outcomes of all programs on a library that loses bytes in some calls of a function, right
    otherwise; `seen_in` gives what contents.py sees in an Outcome, call by call."""
    made = []
    for name in REFERENCES:
        right = outcome_of(name)
        places = [index for index, call, _ in contents.calls_of(right) if call.name == function
                  and call.result and call.result not in call.args[:1]
                  and (call.name == "os_calloc" or call.args[0])]
        seen = seen_in(right)
        assert len(places) == len(seen)
        stop = next((index for index, one in zip(places, seen) if loses(one)), None)
        made.append(right if stop is None else outcome_of(name, stop, text))
    return made


def causes_named(outcomes):
    """[(rule, sentence, number of failures)] of the causes that are found."""
    return [(cause.rule, cause.sentence, len(cause.programs))
            for cause in causes.find(outcomes).causes]


@pytest.mark.parametrize("words, loses", contents.MOVES[:-1],
                         ids=[words for words, _ in contents.MOVES[:-1]])
def test_what_os_realloc_does_not_copy_is_told_from_the_calls_that_lose_bytes(words, loses):
    outcomes = outcomes_of(contents.LOST, "os_realloc", contents.moves_of,
                           lambda move: loses(move) is True)
    failed = sum(not outcome.passed for outcome in outcomes)
    assert failed and causes_named(outcomes) == [
        ("X9", f"the library loses contents of a block that os_realloc moves: {words}", failed)]


@pytest.mark.parametrize("words, loses", contents.ZEROES,
                         ids=[words for words, _ in contents.ZEROES])
def test_what_os_calloc_does_not_clear_is_told_from_the_calls_that_leave_bytes(words, loses):
    outcomes = outcomes_of(contents.NOT_ZERO, "os_calloc", contents.cleared_of,
                           lambda block: loses(block) is True)
    failed = sum(not outcome.passed for outcome in outcomes)
    (rule, sentence, count), = causes_named(outcomes)
    assert failed and (rule, count) == ("H6", failed) and words in sentence


def test_what_calls_contradict_is_not_told():
    """One lost move of many is no copy that is left out, wherever the block came from."""
    lost = outcome_of("test-realloc-moves-when-blocked", 2, contents.LOST)
    others = [outcome_of(name) for name in REFERENCES if name != lost.test.name]
    assert causes_named([lost, *others]) == [
        ("X9", "the library loses contents of a block that os_realloc moves", 1)]


@pytest.mark.parametrize("events, text, rule, part", [
    ([FIRST, ("os_malloc(100)", "  = HeapStart + 0x60")], contents.CHANGED, "G5",
     "gives out memory that belongs to a live block"),
    ([FIRST, ("os_malloc(100)", "  = HeapStart + 0x90")], contents.CHANGED, "G5",
     "puts a header there"),
    ([FIRST, ("os_malloc(100)", "  = HeapStart + 0xa8")], contents.CHANGED, "G5",
     "though no two live blocks overlap"),
    ([FIRST, ("os_realloc(HeapStart + 0x20, 8)", "  = <unknown>")], contents.LOST, "",
     "is there a `return`"),
    ([FIRST, ("os_realloc(HeapStart + 0x20, 8)", "  = HeapStart + 0x20")], contents.LOST, "X9",
     "resizes where it is")])
def test_the_smallest_program_that_shows_each_cause(events, text, rule, part):
    outcome = outcome_of("own", 1, text, [*events, ("exit(0)",)])
    (found_rule, sentence, count), = causes_named([outcome])
    assert (found_rule, count) == (rule, 1) and part in sentence
    made, = causetext.records(causes.find([outcome]))
    assert made["where"] == f"event 2, {events[1][0]}" and made["found"] == [text]
    assert not made["proved"]


def test_what_mremap_moved_is_no_stray_address():
    """The memory is the library's, and the system call is what is wrong."""
    events = [("os_malloc(131072)", "  mmap(...)", "  = <mapped-addr 1> + 0x20"),
              ("os_realloc(<mapped-addr 1> + 0x20, 150000)", "  mremap(...)", "  = <unknown>")]
    wanted = [events[0], (events[1][0], "  = <mapped-addr 2> + 0x20"), ("exit(0)",)]
    outcome = outcome_of("own", 1, contents.LOST, [*events, ("exit(0)",)])
    outcome.difference = compare.first_difference(wanted, outcome.actual)
    assert contents.symptoms_of([outcome], [outcome]) == []


def test_a_library_that_clears_one_member_is_explained_once():
    text = submit.naive().replace("memset(payload, 0, total);", "memset(payload, 0, size);")
    assert text != submit.naive()
    part = {"test-calloc-odd-sizes": 1, "test-calloc-zeroes-reused-block": 1, "test-free-null": 1,
            "test-calloc-keeps-slack": 1}
    root = small_suite.make_suite(small_suite.scratch() / "cleared", part)
    out = small_suite.run("--suite", root, "--library", library(text)).stdout
    words = " ".join(out.split())
    assert "1 cause explains 3 of 3 failures." in words
    assert "H6: the library leaves bytes that are not zero in memory from os_calloc: it clears " \
        "nothing, or it clears `size` bytes, not `nmemb * size`" in words
