# SPDX-License-Identifier: BSD-3-Clause
"""Hostile submissions earn no points, read nothing and break nothing, in either sandbox."""

import base64
import ctypes
import os
import shutil
import subprocess
import time
from functools import lru_cache
from pathlib import Path

import pytest

from checker import formats, submission
from tests import hostile_submissions as corpus, small_suite, submit
from tests.harness.generated import generated
from tests.harness.tracing import runner

# With bubblewrap where it works, and as on a machine without it.
SANDBOXES = {"bubblewrap": (), "landlock": ("bubblewrap",)}
FULL = 90.0
PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(params=SANDBOXES, name="without")
def without_fixture(request):
    """The layers that are not used; skipped if the others do not protect everything."""
    layers = SANDBOXES[request.param]
    box = submit.box(*layers)
    if not box.has(request.param) or box.missing():
        pytest.skip(f"{request.param} does not work here: " + "; ".join(box.report()))
    return layers


@pytest.fixture(scope="module", autouse=True)
def adopt_fixture():
    """Orphans of a submission become children of this process, so that the tests see them."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture(autouse=True, name="nothing_left")
def nothing_left_fixture():
    """Check that a test leaves no new process behind."""
    before = set(descendants())
    yield
    end = time.monotonic() + 60
    while set(descendants()) - before and time.monotonic() < end:
        time.sleep(0.01)
    assert set(descendants()) - before == set()


def descendants():
    """The living children of this process, whichever thread started them."""
    pids = [pid for task in os.listdir("/proc/self/task")
            for pid in runner.children(os.getpid(), task)]
    return [pid for pid in pids if submit.status_fields(pid)[:1] not in ([], [b"Z"])]


@lru_cache(maxsize=None)
def one_program():
    """A suite with one program that allocates."""
    return small_suite.make_suite(small_suite.scratch() / "one", {"test-malloc-grows-free-last": 1})


@lru_cache(maxsize=None)
def worth_of_nothing():
    """The mark of a submission whose functions return NULL."""
    return submit.result_of(small_suite.scratch() / "nothing", submit.STUB).score


def honest(folder):
    """The mark of a correct submission."""
    return submit.result_of(folder, submit.naive()).score


def test_the_corpus_is_held_against_what_honest_work_gets(tmp_path):
    assert honest(tmp_path / "honest") == FULL
    assert worth_of_nothing() == 0


@pytest.mark.parametrize("name", corpus.CHEATS)
def test_a_cheat_earns_no_more_than_nothing(tmp_path, name, without):
    made = submit.result_of(tmp_path / "cheat", corpus.CHEATS[name], without=without)
    assert (made.status, made.reason) == ("graded", "")
    assert made.score <= worth_of_nothing()
    failed = [test for test in made.tests if test.share < 1]
    assert failed and all(test.reason for test in failed)


@pytest.mark.parametrize("name", corpus.SLOW_CHEATS)
def test_a_bomb_is_stopped_and_earns_nothing(tmp_path, name, without):
    made = submit.result_of(tmp_path / "bomb", corpus.SLOW_CHEATS[name], without=without,
                            suite=one_program())
    assert [(test.status, test.share) for test in made.tests] == [("failed", 0.0)]
    assert made.tests[0].reason


@pytest.mark.parametrize("name", corpus.vandals(""))
def test_a_vandal_changes_nobody_elses_mark(tmp_path, name, without):
    tmp_path.chmod(0o755)
    victim = submit.submission(tmp_path / "victim", submit.naive())
    before = (victim / "src/osmem.c").read_bytes()
    bystander = subprocess.Popen(["sleep", "100"])
    made = submit.result_of(tmp_path / "vandal", corpus.vandals(victim)[name], without=without)
    assert made.status == "graded"
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert (victim / "src/osmem.c").read_bytes() == before
    assert os.listdir(victim / "src") == ["osmem.c"]
    assert not os.path.lexists("/tmp/osmem-evil")
    assert submit.graded(victim, without=without).score == FULL


@pytest.mark.parametrize("name", corpus.BUILD_ATTACKS)
def test_an_attack_on_the_compiler_is_a_refusal_that_gives_nothing_away(tmp_path, name, without):
    source, why = corpus.BUILD_ATTACKS[name]
    made = submit.result_of(tmp_path / "builder", source, without=without, build_seconds=3)
    assert (made.status, made.score) == ("refused", 0)
    assert made.reason.startswith("it does not compile")
    assert why in made.reason or "Permission denied" in made.reason
    assert "root:" not in made.reason and "os_free(NULL)" not in made.reason
    assert {test.status for test in made.tests} == {"skipped"}


@pytest.mark.parametrize("name", corpus.LONG_LINES)
def test_a_line_without_end_is_cut_in_every_form(tmp_path, name):
    made = submit.result_of(tmp_path / "long", corpus.LONG_LINES[name], suite=one_program(),
                            style=name == "a linter's finding")
    assert len(made.reason) < 600 and all(len(test.reason) < 600 for test in made.tests)
    for file, text in formats.FILES.items():
        text = text(made).replace("\\n", "\n")
        longest = max(map(len, text.split("\n")))
        assert longest < 10000 or file == "classroom.txt" and len(text) < 100000, file


def test_a_hidden_program_tells_students_nothing(tmp_path, without, monkeypatch):
    """A library in it prints the program's memory, its sources, its reference and submissions."""
    runs, grade = [], submission.compare.run

    def watched(*words, **options):
        outcome = grade(*words, **options)
        runs.append(outcome.run)
        return outcome

    monkeypatch.setattr(submission.compare, "run", watched)
    suite = Path(small_suite.make_suite(tmp_path / "suite", {"test-free-null": 1}))
    hidden = (suite / "snippets/test-free-null.c").read_text(encoding="ascii")
    other = submit.submission(tmp_path / "other", "/* another one's work */")
    text = "SECRET_OF_MEMORY"
    (suite / "snippets/test-hidden.c").write_text(
        hidden.replace("int main(", f'const char *secret = "{text}";\n\nint main('))
    shutil.copy(suite / "ref/test-free-null.ref", suite / "ref/test-hidden.ref")
    (suite / "ref/test-hidden.ref").open("a").write("SECRET_OF_REFERENCE\n")
    small_suite.write_suite(suite, {
        "test-free-null": {"points": 1, "group": "free"},
        "test-hidden": {"points": 1, "group": "own", "hidden": True}})
    source = corpus.tells_all([suite / "snippets/test-hidden.c", suite / "ref/test-hidden.ref",
                               suite / "suite.json", other / "src/osmem.c", "/proc/self/maps",
                               "/proc/self/environ", "/proc/1/cmdline", "/etc/passwd"])
    made = submission.grade_submission(submit.submission(tmp_path / "teller", source), "teller",
                                       submit.course(suite=str(suite)), submit.box(*without), 1)
    assert made.status == "graded" and made.score == 0
    for name in ("report.html", "classroom.txt", "vpl.txt"):
        form = formats.FILES[name](made)
        if name == "classroom.txt":
            form = base64.b64decode(form).decode()
        assert "test-hidden" not in form and "SECRET" not in form and "root:" not in form
    everything = formats.FILES["result.json"](made)
    assert "SECRET_OF_REFERENCE" not in everything and "another one" not in everything
    assert [b"SECRET_OF_MEMORY" in run.stdout for run in runs] == [False, True]


def sizes_in_references():
    """Every size that a program of the small suite asks for."""
    steps = [generated.operations_of(events) for events in submit.course().references.values()]
    return sorted({number for operations in steps for operation in operations
                   for number in operation[1:] if isinstance(number, int)})


def test_who_knows_the_references_by_heart_fails_the_variants(tmp_path):
    """An allocator for the sizes in the references and no others: whatever it recognises a program
    by, other sizes decided by the same rules take the points away."""
    sizes = sizes_in_references()
    known = ("static int known(size_t size)\n{\n\tstatic const size_t sizes[] = { "
             + ", ".join(map(str, sizes)) + " };\n\n"
             f"\tfor (int i = 0; i < {len(sizes)}; i++)\n\t\tif (sizes[i] == size)\n"
             "\t\t\treturn 1;\n\treturn 0;\n}\n")
    path = submit.submission(tmp_path / "heart", corpus.honest_if("known(size)", known))
    assert submit.graded(path).score == FULL
    made = submit.graded(path, seeds=2, seed=7)
    with_variant = submit.course(seeds=2, seed=7).variants
    assert len(with_variant) >= 5
    assert {test.share for test in made.tests if test.name in with_variant or
            test.group == "seeds"} == {0.0}
    assert all(test.reason.startswith("the same calls with other sizes: ")
               for test in made.tests if test.name in with_variant)
