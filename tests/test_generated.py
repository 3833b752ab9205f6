# SPDX-License-Identifier: BSD-3-Clause
"""Generated tests and the shadow heap: they pass this library and fail wrong ones."""

import json
from pathlib import Path

import pytest

from tests import small_suite, submit
from tests.harness import compare, suite
from tests.harness.generated import generated
from tests.harness.spec import shadow
from tests.harness.tracing import runner, trace

SEED = 5


@pytest.fixture(scope="module", name="references")
def references_fixture():
    """The events of the whole suite's references."""
    return suite.read_references(suite.load_suite())


@pytest.fixture(scope="module", name="variants")
def variants_fixture(references):
    """The perturbed variant of every program that has one."""
    return generated.variants(references, SEED)


def play(one, library, box=None):
    """The Outcome of a generated test on a library."""
    test = suite.Test(one.name, generated.PLAYER, generated.PLAYER, 0, one.kind)
    return compare.run(test, one.events, generated.program(), library, 20.0, box=box,
                       stdin=one.text.encode())


def failures(chosen, library):
    """[(name, reason)] of the generated tests that a library fails."""
    outcomes = [play(one, library) for one in chosen]
    return [(outcome.test.name, outcome.reason) for outcome in outcomes if not outcome.passed]


def test_the_library_plays_random_sequences_variants_and_refusals(library, variants):
    chosen = [*generated.random_tests(8, SEED), *list(variants.values())[::9],
              *generated.refusals()]
    assert failures(chosen, library) == []


def test_the_same_seed_makes_the_same_sequences_and_another_others():
    assert generated.random_tests(3, 1) == generated.random_tests(3, 1)
    assert generated.random_tests(3, 1) == generated.random_tests(5, 1)[:3]
    assert generated.random_tests(3, 1) != generated.random_tests(3, 2)


def test_random_sequences_have_something_in_them():
    made = generated.random_tests(20, SEED)
    calls = [event[0].split("(")[0] for one in made for event in one.events]
    assert all(calls.count("os_" + name) > 50 for name in ("malloc", "calloc", "realloc", "free"))
    calls = [line.split("(")[0].strip() for one in made for event in one.events for line in event]
    assert all(calls.count(name) >= 10 for name in ("brk", "mmap", "munmap"))


def test_a_variant_is_decided_by_the_same_rules_and_asks_for_other_sizes(references, variants):
    assert [name for name in references if name not in variants] == [
        "test-malloc-zero-size", "test-malloc-impossible-size", "test-realloc-null-zero"]
    for name, one in list(variants.items())[::8]:
        operations = generated.operations_of(references[name])
        other = generated.sequences.parse(one.text.replace(" !", ""))
        assert generated.signature(generated.played(other)) == \
            generated.signature(generated.played(operations))
        assert other != operations


def test_every_way_to_the_system_is_refused():
    calls = {(step.name, call.name) for one in generated.refusals()
             for step in refused_steps(one) for call in step.syscalls}
    assert calls >= {(name, call) for name in ("os_malloc", "os_calloc", "os_realloc")
                     for call in ("brk", "mmap")} | {("os_free", "munmap"),
                                                     ("os_realloc", "munmap")}


def refused_steps(one):
    """The model's steps of a generated test in which something was refused."""
    playing = generated.Playing()
    for part in one.text.split(";"):
        words = part.replace("!", "").split()
        if words[0] in "lbu":
            playing.play((words[0],))
        else:
            playing.play(generated.sequences.parse(" ".join(words))[0])
    return [step for step in playing.steps if "B1" in step.rules]


@pytest.mark.parametrize("mistake", ["NO_PREALLOCATION", "FIRST_FIT", "NEVER_MERGES", "COPIES_HALF",
                                     "SPLITS_TOO_SMALL", "CALLOC_NOT_ZERO", "NEVER_UNMAPS"])
def test_random_sequences_notice_a_mistake(mistake):
    assert failures(generated.random_tests(8, SEED), small_suite.library(mistake))


def test_refusals_notice_a_library_that_trusts_the_system():
    failed = dict(failures(generated.refusals(), small_suite.library()))
    assert len(failed) >= 20
    assert any("SIGSEGV" in reason for reason in failed.values())


# ---- the shadow heap ---------------------------------------------------------------------------

START = 0x1000000
MAPPED = 0x7f0000000000


def told(*events):
    """The shadow heap's complaints about events, (name, args, result, system calls) each."""
    made = [trace.Call(name, list(args), result, list(calls), True)
            for name, args, result, *calls in events]
    return [sentence.split(": ")[1] for _, sentence in shadow.complaints(
        trace.Trace(events=made, heap_start=START))]


def grown(size=0x20000):
    """A system call that sets the length of the heap."""
    return trace.Sys("brk", [START + size], START + size)


def mapping(size=0x40000):
    """A system call that makes a mapping."""
    return trace.Sys("mmap", [0, size, 3, 34, -1, 0], MAPPED)


def unmapping(size=0x40000, result=0):
    """A system call that removes a mapping."""
    return trace.Sys("munmap", [MAPPED, size], result)


BLOCK = ("os_malloc", [1000], START + 0x20, grown())
NULL_REASON = "returned NULL although the system refused nothing"
ENDS_OUTSIDE = "the block ends outside the heap or the mapping in which it begins"
GONE = "the memory of a live block is gone"


@pytest.mark.parametrize("events, said", [
    ([BLOCK], []),
    ([BLOCK, ("os_malloc", [10], START + 0x20 + 1000)], []),
    ([BLOCK, ("os_malloc", [10], START + 0x20 + 992)], ["the result overlaps a live block"]),
    ([BLOCK, ("os_malloc", [0], START + 0x28)], ["the result overlaps a live block"]),
    ([BLOCK, ("os_free", [START + 0x20], None), BLOCK[:3]], []),
    ([("os_malloc", [1000], START + 0x21, grown())], ["the result is not 8-aligned"]),
    ([("os_malloc", [1000], START + 0x20)],
     ["the result lies outside the heap and outside every mapping"]),
    ([("os_calloc", [100, 1000], START + 0x8000, grown())], [ENDS_OUTSIDE]),
    ([("os_malloc", [(1 << 64) - 1], START + 0x20, grown())], [ENDS_OUTSIDE]),
    ([("os_malloc", [5], 0x5000)], ["the result lies outside the heap and outside every mapping"]),
    ([("os_malloc", [200000], MAPPED + 32, mapping())], []),
    ([("os_malloc", [300000], MAPPED + 32, mapping())], [ENDS_OUTSIDE]),
    ([("os_malloc", [200000], MAPPED + 32, mapping()), ("os_free", [0], None, unmapping())],
     [GONE]),
    ([("os_malloc", [200000], MAPPED + 32, mapping()),
      ("os_free", [MAPPED + 32], None, unmapping())], []),
    ([BLOCK, ("os_free", [0], None, grown(0x100))], [GONE]),
    ([("os_malloc", [1000], 0)], [NULL_REASON]),
    ([("os_malloc", [0], 0), ("os_malloc", [1 << 63], 0), ("os_calloc", [0, 5], 0)], []),
    ([("os_malloc", [1000], 0, trace.Sys("brk", [START + 0x20000], START))], []),
    ([("os_malloc", [200000], 0, trace.Sys("mmap", [0, 200032, 3, 34, -1, 0], -12))], []),
    ([BLOCK, ("os_realloc", [START + 0x20, 2000], 0)], [NULL_REASON]),
    ([BLOCK, ("os_realloc", [START + 0x20, 0], 0), BLOCK[:3]], []),
    ([BLOCK, ("os_realloc", [START + 0x20, 2000], START + 0x20)], []),
    ([BLOCK, ("os_realloc", [START + 0x20, 2000], START + 0x800), BLOCK[:3]], []),
    ([("os_malloc", [200000], MAPPED + 32, mapping()),
      ("os_free", [MAPPED + 32], None, unmapping(result=-12)),
      ("os_malloc", [8], MAPPED + 64)], ["the result overlaps a live block"]),
])
def test_the_shadow_heap(events, said):
    assert told(*events) == said


def test_the_shadow_heap_has_nothing_to_say_of_the_suite(library):
    tests = [test for test in suite.load_suite() if test.group == "mixed"]
    programs = runner.build.build_programs([test.c_file for test in tests], library)
    for program in programs:
        assert shadow.complaints(runner.run_traced(program, library).trace) == []


PARTIAL = {"test-free-unmaps": 1, "test-realloc-mapping-resizes": 1, "test-mixed-mappings-only": 1,
           "test-malloc-rounds-up-to-8": 1, "test-mixed-linked-list": 1}


def test_partial_credit_is_for_allocators_that_differ():
    """Half for other system calls, a quarter for other places, nothing for a wrong heap."""
    place = Path(small_suite.make_suite(small_suite.scratch() / "partial", PARTIAL))
    scheme = json.loads((place / "suite.json").read_text())
    scheme["partial"] = {"results": 0.5, "sound": 0.25}
    (place / "suite.json").write_text(json.dumps(scheme))
    shares = {name: {test.name: test.share for test in submit.result_of(
        small_suite.scratch() / f"partial-{name}", submit.naive(name), suite=str(place)).tests}
        for name in ("NEVER_UNMAPS", "FIRST_FIT", "COPIES_HALF")}
    assert shares["NEVER_UNMAPS"]["test-free-unmaps"] == 0.5
    assert shares["FIRST_FIT"]["test-mixed-linked-list"] == 0.25
    assert shares["COPIES_HALF"]["test-realloc-mapping-resizes"] == 0


def test_the_documents_count_them_right(references, variants):
    text = " ".join((submit.ROOT / "docs/grading.md").read_text().split())
    assert len(references) - len(variants) == 3
    assert f"Three of the {len(references)} programs" in text
    assert f"in {len(generated.refusals())} sequences" in text
