# SPDX-License-Identifier: BSD-3-Clause
"""Which headers programs read, and that a mistake with which they would fail is never named."""

import subprocess
from types import SimpleNamespace

import pytest

from tests import small_suite, submit
from tests.harness import build, compare, suite
from tests.harness.feedback import causes, replays
from tests.harness.spec import header_reads, oracle
from tests.harness.build import HarnessError
from tests.harness.spec.growth_mistakes import FirstBlockLosesRest
from tests.harness.spec.mistakes import ImpossibleWithoutErrno, NeverSplits
from tests.harness.spec.structural_mistakes import LosesRest

TESTS = suite.load_suite()
BY_NAME = {test.name: test for test in TESTS}
HEADER = "test-malloc-header-is-true"


def test_programs_read_the_headers_that_are_written_beside_their_references(tmp_path):
    """A program shows its reference when all others are wrong, and not when one of these is."""
    oracle.build_stand_in(tmp_path)
    programs = build.build_programs([test.c_file for test in TESTS], tmp_path)
    for test, program in zip(TESTS, programs):
        reference = [*suite.read_reference(test)[:-1]], 0, ""
        recorded = []
        if test.headers:
            assert header_reads.shown(program, tmp_path, {}, recorded) == reference
        every = header_reads.fields_of(recorded)
        assert set(test.headers) <= set(every)
        others = header_reads.by_event(set(every) - set(test.headers)) if test.headers else None
        assert header_reads.shown(program, tmp_path, others) == reference, test.name
        for read in test.headers:
            assert header_reads.shown(program, tmp_path, header_reads.by_event([read])) != reference


def test_what_a_program_reads_is_found(tmp_path):
    """A program that compares one field of one header, and nothing else."""
    source = tmp_path / "snippets/test-own.c"
    source.parent.mkdir()
    source.write_text('#include "snippet.h"\nint main(void)\n{\n\tchar *one = os_malloc(24);\n\n'
                      '\tos_malloc(40);\n\tEQUAL(status(one), 1, "status");\n\treturn 0;\n}\n',
                      encoding="ascii")
    (tmp_path / "snippets/snippet.h").write_bytes(
        (suite.DEFAULT_ROOT / "snippets/snippet.h").read_bytes())
    (tmp_path / "ref").mkdir()
    header_reads.update(["test-own"], tmp_path)
    path = tmp_path / "ref/test-own.headers"
    assert path.read_text(encoding="utf-8") == "2: HeapStart + 0x0 status 1\n"
    assert suite.read_headers(path) == ((2, 0, "status", 1),)
    source.write_text('#include "snippet.h"\nint main(void)\n{\n\treturn 0;\n}\n', encoding="ascii")
    header_reads.update(["test-own"], tmp_path)
    assert not path.exists()


def test_each_read_is_the_contracts_value_in_its_window():
    assert BY_NAME[HEADER].headers == ((2, 0, "size", 80), (2, 0, "status", 1),
                                       (2, 1 << 48, "size", 150000), (2, 1 << 48, "status", 2))


@pytest.mark.parametrize("text", ["2: 0x20 size 80\n", "HeapStart + 0x0 size 80\n", "\0\n"])
def test_a_damaged_file_is_refused(tmp_path, text):
    path = tmp_path / "it.headers"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HarnessError, match="rewrite it with --update-refs it"):
        suite.read_headers(path)


def story_of(name, events, end, reason=""):
    """The Story of a program that made these events and came to this end."""
    expected = suite.read_reference(BY_NAME[name])
    difference = compare.first_difference(expected, [*events, end])
    check = end[0] == "killed(SIGILL)"
    run = SimpleNamespace(comparable=True, stderr=f"own.c:1: {reason}\n".encode() * check,
                          trace=SimpleNamespace(signal="SIGILL" if check else None, open_call=None))
    return replays.story_of(compare.Outcome(BY_NAME[name], expected, [*events, end], run, 0.0,
                                            difference, reason or "it differs" * bool(difference)))


def test_a_read_that_passed_refutes_and_one_that_failed_does_not():
    events = suite.read_reference(BY_NAME[HEADER])[:-1]
    passed = story_of(HEADER, events, ("exit(0)",))
    failed = story_of(HEADER, events[:2], ("killed(SIGILL)",), "size (found 131040, expected 80)")
    later = story_of(HEADER, [*events[:2], ("os_free(<mapped-addr 1> + 0x20)", "  = <void>")],
                     ("killed(SIGSEGV)",))
    for mistakes, predicted in ((NeverSplits, [2, 2, 2]), (LosesRest, [4, 1, 2])):
        replayed = replays.Replays(100)
        assert [replayed.predicted(frozenset((mistakes,)), story)
                for story in (passed, failed, later)] == predicted


def test_errno_that_a_passed_program_read_refutes():
    """Here os_malloc sets it, so that what os_realloc does has another cause."""
    name = "test-malloc-impossible-size"
    events = suite.read_reference(BY_NAME[name])[:-1]
    replayed = replays.Replays(100)
    for mistakes, predicted in ((ImpossibleWithoutErrno, 1), (LosesRest, len(events))):
        assert replayed.predicted(frozenset((mistakes,)), story_of(name, events, ("exit(0)",))) \
            == predicted


def test_a_block_that_never_splits_has_no_rest_that_is_lost():
    for other in (LosesRest, FirstBlockLosesRest):
        assert causes.compose(frozenset((NeverSplits, other))) is None


def test_a_library_that_forgets_to_link_the_rest_is_told_so(tmp_path):
    """Its traces are those of a library that never splits, except for one header."""
    begin = submit.NAIVE.index("\tif (b->next)\n\t\tb->next->prev = rest;")
    end = submit.NAIVE.index("\tb->size = usable;", begin)
    source = tmp_path / "naive.c"
    source.write_text("#define MISTAKE NONE\n" + submit.NAIVE[:begin] + submit.NAIVE[end:],
                      encoding="ascii")
    (tmp_path / "lib").mkdir()
    subprocess.run(["gcc", "-O1", "-g", "-shared", "-fPIC", f"-I{small_suite.ROOT / 'utils'}",
                    source, "-o", tmp_path / "lib/libosmem.so"], check=True)
    part = {HEADER: 1, "test-malloc-first-use-preallocates": 1, "test-free-block-is-reused": 1,
            "test-malloc-split-leaves-rest": 1, "test-malloc-growth-is-exact": 1}
    output = small_suite.run("--suite", small_suite.make_suite(tmp_path / "suite", part),
                             "--library", tmp_path / "lib").stdout
    assert "S1: the library loses what a split leaves" in output
    assert "does not split a block that is longer" not in output
