# SPDX-License-Identifier: BSD-3-Clause
"""Marks by cause: the cost of causes, and which failures get points back."""

import json

import pytest

from tests import small_suite, submit
from tests.harness import points
from tests.harness.feedback import causes, causetext
from tests.harness.spec.mistakes import FreeDoesNothing, NeverSplits
from tests.harness.spec.realloc_mistakes import ReallocReturnsBlock
from tests.harness.suite import load_scheme
from tests.test_causes import REFERENCES, outcome_of

PART = {"test-malloc-merges-a-run": 4, "test-malloc-merges-then-grows": 3,
        "test-calloc-zeroes-reused-block": 2, "test-free-null": 1}


@pytest.mark.parametrize("programs, most, given", [
    ([], 3, 0), ([["a"]], 3, 2), ([["a"]], 9, 0), ([["a", "b"]], 3, 6), ([["a"], ["a"]], 3, 0),
    ([["a"], ["b"]], 3, 3), ([["a", "b"], ["b", "c"]], 3, 4), ([["c"]], 3, 0), ([["a"]], 0, 5)])
def test_what_explained_failures_get_back(programs, most, given):
    """A cause never costs more than its failures lost, and never less than 0."""
    assert points.given_back(programs, {"a": 5, "b": 4, "c": 1}, most) == given


@pytest.mark.parametrize("programs, unproved, giving", [
    ([["a", "b"]], [], [["a", "b"]]), ([["a", "b"], ["b"]], [["b"]], [["a"], []]),
    ([["a"], ["b"]], [["a"], ["b"]], [[], []])])
def test_a_failure_that_a_missing_function_shares_gives_nothing_back(programs, unproved, giving):
    assert points.giving_back(programs, unproved) == giving


@pytest.mark.parametrize("made, proved", [
    ({FreeDoesNothing, NeverSplits}, {"FreeDoesNothing": False, "NeverSplits": True}),
    ({ReallocReturnsBlock}, {"ReallocReturnsBlock": False}),
    ({NeverSplits}, {"NeverSplits": True})])
def test_a_function_without_its_work_is_not_proved(made, proved):
    """Of two mistakes, only failures in which the unproved one has no part get points back."""
    outcomes = [outcome_of(name, made) for name in REFERENCES]
    for outcome in outcomes:
        outcome.test.points = 1
    found = causes.find(outcomes)
    assert {cause.mistake: cause.proved for cause in found.causes} == proved
    unfinished = {kind for kind in made if kind.unfinished}
    back = [names for names, kinds in found.by_program.items() if unfinished.isdisjoint(kinds)]
    passed = sum(outcome.passed for outcome in outcomes)
    assert points.earned_by_cause(found, outcomes, 0) == passed + len(back)


def suite_by(place, marks, part=None):
    """A suite of PART, or of other programs, with a scheme."""
    root = small_suite.make_suite(place, part or PART)
    small_suite.write_suite(root, {name: {"points": points, "group": "own"}
                                   for name, points in (part or PART).items()}, marks=marks)
    return root


def test_the_scheme_is_read(tmp_path):
    suite_by(tmp_path / "by", {"by": "cause", "cause": 2})
    scheme = load_scheme(tmp_path / "by")
    assert (scheme.by_cause, scheme.cause_points) == (True, 2)
    assert (load_scheme().by_cause, load_scheme().cause_points) == (False, 3)


@pytest.mark.parametrize("by, mark", [("program", 27.0), ("cause", 72.0)])
def test_one_mistake_costs_one_cause_or_all_its_programs(tmp_path, by, mark):
    """NEVER_MERGES fails two programs of 4 and 3 points, of 10 that are 90; one cause is 2."""
    root = suite_by(tmp_path / "suite", {"by": by, "cause": 2})
    made = submit.graded(submit.submission(tmp_path / "it", submit.naive("NEVER_MERGES")),
                         suite=root, style=False)
    assert [cause["mistake"] for cause in made.causes] == ["NeverMerges"]
    assert made.causes[0]["tests"] == list(PART)[:2]
    assert (made.score, made.score_by_cause, made.mark) == (27, 72, mark)
    first, second = made.tests[:2]
    assert "As above:\n  1. H1: the library does not merge" in first.output
    assert "The heap before" in made.causes[0]["picture"] and "The heap before" not in second.output


def test_what_no_model_shows_gets_nothing_back(tmp_path):
    root = suite_by(tmp_path / "suite", {"by": "cause", "cause": 0})
    for mistake in ("CALLOC_NOT_ZERO", "CRASHES"):
        made = submit.graded(submit.submission(tmp_path / mistake, submit.naive(mistake)),
                             suite=root, style=False)
        assert made.score < 90 and made.score_by_cause == made.score


def test_what_a_program_never_came_to_gives_no_points_back(tmp_path):
    """A library that returns NULL for all memory plays a known mistake to the end: its programs
    stop at their first call."""
    root = suite_by(tmp_path / "suite", {"by": "cause", "cause": 0},
                    {"test-malloc-merges-a-run": 8, "test-free-null": 1, "test-free-unmaps": 1})
    text = submit.naive().replace("void *os_malloc(size_t size)\n{",
                                  "void *os_malloc(size_t size)\n{\n\tif (size < 100000)\n"
                                  "\t\treturn NULL;\n")
    made = submit.graded(submit.submission(tmp_path / "it", text), suite=root, style=False)
    assert [cause["mistake"] for cause in made.causes] == ["NeverBeginsHeap"]
    assert (made.score, made.score_by_cause) == (9, 10.8)
    assert [round(test.played, 3) for test in made.tests] == [0, 0.2, 1], "one call of five"


def test_a_trace_that_only_begins_like_a_mistakes_is_not_explained(tmp_path):
    """It never merges, and at the end it maps a block that belongs on the heap."""
    text = submit.naive("NEVER_MERGES").replace("void os_free(void *ptr)\n{", (
        "void os_free(void *ptr)\n{\n\tstatic int calls;\n\n\tif (++calls == 4)\n"
        "\t\tos_malloc(200000);\n"))
    root = suite_by(tmp_path / "suite", {"by": "cause", "cause": 0})
    made = submit.graded(submit.submission(tmp_path / "it", text), suite=root, style=False)
    assert made.causes == [] and made.score_by_cause == made.score < 90


def test_a_known_mistake_played_for_known_programs_gets_nothing_back(tmp_path):
    """With --seeds, the perturbed variant must be explained as well: this library never merges
    after requests of exactly the programs' sizes, and crashes after others."""
    root = suite_by(tmp_path / "suite", {"by": "cause", "cause": 0})
    honest = submit.graded(submit.submission(tmp_path / "honest", submit.naive("NEVER_MERGES")),
                           suite=root, style=False, seeds=1, seed=7)
    assert {"test-malloc-merges-a-run", "test-malloc-merges-then-grows"} \
        <= set(honest.causes[0]["tests"])
    sizes = [call for name in PART for call in sizes_of(root, name)]
    known = " && ".join(f"size != {size}" for size in sorted(set(sizes)))
    text = submit.naive("NEVER_MERGES").replace(
        "void *os_malloc(size_t size)\n{",
        f"void *os_malloc(size_t size)\n{{\n\tif ({known})\n\t\t__builtin_trap();\n")
    played = submit.graded(submit.submission(tmp_path / "played", text), suite=root, style=False,
                           seeds=1, seed=7)
    assert played.causes == [] and played.score_by_cause == played.score
    assert any("the same calls with other sizes" in remark for remark in played.remarks)


def sizes_of(root, name):
    """The sizes that a program asks os_malloc for."""
    text = (small_suite.Path(root) / f"ref/{name}.ref").read_text()
    return [int(line[len("os_malloc("):-1]) for line in text.splitlines()
            if line.startswith("os_malloc(")]


def test_run_tests_says_both_figures(tmp_path):
    root = suite_by(tmp_path / "suite", {"cause": 2})
    words = ("--suite", root, "--library", small_suite.library("NEVER_MERGES"))
    done = small_suite.run(*words, "--json", tmp_path / "it.json")
    assert "\nTotal: 3/10\n" in done.stdout and "\nTotal by cause: 8/10: " in done.stdout
    document = json.loads((tmp_path / "it.json").read_text())
    assert (document["earned"], document["earned_by_cause"]) == (3, 8)
    assert [cause["mistake"] for cause in document["causes"]] == ["NeverMerges"]
    assert causetext.headline(1, 2, 2) in done.stdout
