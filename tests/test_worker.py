# SPDX-License-Identifier: BSD-3-Clause
"""The process that grades one submission: its budget, full disks, leftovers."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from checker import classrun, intake, main
from tests import hostile_submissions as corpus, small_suite, submit
from tests.harness import temporary
from tests.test_class import group_of

FEW = ["--no-style", "--suite", small_suite.part_suite()]
BUDGETS = {"destructors that sleep": ["--wall-seconds", "3"],
           "work before every program": ["--cpu-seconds", "1"]}
ENDS = {"SIGINT": 130, "SIGTERM": 128 + 15, "SIGHUP": 128 + 1}


@pytest.fixture(name="place", autouse=True)
def place_fixture(monkeypatch):
    """A place to grade in, with a directory for temporary files that the sandbox's users enter."""
    submit.want_protection()
    place = Path(tempfile.mkdtemp(dir=small_suite.scratch()))
    (place / "tmp").mkdir()
    for folder in (place, place / "tmp"):
        folder.chmod(0o755)
    monkeypatch.chdir(place)
    monkeypatch.setenv("TMPDIR", str(place / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def archive(path, files):
    """A zip archive."""
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path


def command(*words):
    """Start the grader in its own session, as a shell starts a foreground command."""
    return subprocess.Popen([sys.executable, str(submit.ROOT), *words],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            start_new_session=True, preexec_fn=ignore_no_signal)


def ignore_no_signal():
    """Reset the signal handlers that nohup or a background job passes on."""
    for name in ENDS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def hanging(place):
    """A class of two whose programs wait."""
    waits = "#include <unistd.h>\n" + submit.STUB.replace("\treturn size ?",
                                                          "\tpause();\n\treturn size ?")
    for name in ("anna", "ben"):
        submit.submission(place / "class" / name, waits)
    return [*FEW, "--class", "class", "-j", "2"]


def wait_for(condition):
    """Wait until a condition holds; False if that takes too long."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


def running_a_program(place):
    """Whether a worker has staged a program."""
    return list((place / "tmp").glob("*/*/osmem-run-*"))


@pytest.mark.parametrize("name", corpus.UNGRADABLE)
def test_what_cannot_be_graded_is_refused_once_and_for_all(place, name):
    files, why = corpus.UNGRADABLE[name]
    words = [*FEW, *BUDGETS.get(name, []), str(archive(place / "anna.zip", files))]
    assert main.main(words) == 0
    made = submit.document("grades", "anna")
    assert (made["status"], made["score"], made["max_score"]) == ("refused", 0, 90)
    assert why in made["reason"] and made["reason"].count("\n") == 0
    assert {test["status"] for test in made["tests"]} == {"skipped"}
    assert why in Path("grades/anna/report.html").read_text() or "&#" in why
    first = os.stat("grades/anna/result.json").st_mtime_ns
    assert main.main(words) == 0
    assert os.stat("grades/anna/result.json").st_mtime_ns == first
    assert os.listdir("tmp") == []


def test_the_names_of_results_are_short_enough_for_a_folder():
    long, other = main.names(["x" * 250, "x" * 251])
    assert long != other and max(len(long), len(other)) <= intake.MAX_NAME


def test_the_parent_looks_into_no_submission(place, monkeypatch):
    """Sources, Makefiles and archives are read in the child, whose budget is the submission's."""
    take, parent = intake.take, os.getpid()

    def in_the_child(path):
        assert os.getpid() != parent
        return take(path)

    monkeypatch.setattr(intake, "take", in_the_child)
    path = archive(place / "anna.zip", {"src/osmem.c": submit.naive()})
    for _ in range(2):
        assert main.main([*FEW, str(path)]) == 0
    assert submit.document("grades", "anna")["score"] == 90


def test_the_identity_follows_what_was_handed_in(place):
    one = submit.submission(place / "one")
    seen = [intake.identity(one)]
    (one / "src/a.o").write_text("an object")
    assert intake.identity(one) == seen[0]
    for path, text in (("src/osmem.c", "other"), ("src/b.h", ""), ("Makefile", "A=b")):
        (one / path).write_text(text)
        seen.append(intake.identity(one))
    (one / "src/link.c").symlink_to("osmem.c")
    seen += [intake.identity(one), intake.identity(place / "missing")]
    path = archive(place / "x.zip", {"src/osmem.c": ""})
    seen.append(intake.identity(path))
    (place / "link.zip").symlink_to(path)
    assert intake.identity(place / "link.zip") == seen[-1]
    path.write_bytes(path.read_bytes() + b"1")
    seen += [intake.identity(path), intake.identity("/dev/zero")]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("name", ENDS)
def test_an_interrupted_run_leaves_nothing(place, name):
    with command(*hanging(place)) as process:
        assert wait_for(lambda: running_a_program(place))
        process.send_signal(getattr(signal, name))
        said = process.communicate(timeout=60)[1]
    assert process.returncode == ENDS[name] and "Traceback" not in said
    assert os.listdir(place / "tmp") == []
    assert wait_for(lambda: group_of(process.pid) == [])
    assert list(Path("grades").glob("*/result.json")) == []


def test_a_killed_run_leaves_no_process_and_the_next_one_cleans_up(place):
    with command(*hanging(place)) as process:
        assert wait_for(lambda: running_a_program(place))
        process.kill()
        process.wait()
        assert wait_for(lambda: group_of(process.pid) == [])
    left = os.listdir("tmp")
    assert len(left) == 1 and left[0].startswith(temporary.PREFIX)
    with temporary.directory() as live:
        temporary.remove_leftovers(place / "tmp")
        assert os.listdir("tmp") == [os.path.basename(live)]
    assert os.listdir("tmp") == []


def test_a_directory_that_another_command_took_for_a_leftover_is_made_again(place, monkeypatch):
    """Before a new directory is locked, other commands cannot know that it is in use."""
    made, mkdtemp = [], tempfile.mkdtemp

    def taken(**options):
        made.append(mkdtemp(**options))
        if len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", taken)
    with temporary.directory() as live:
        assert live == made[1] and os.listdir(place / "tmp") == [os.path.basename(live)]


def test_without_descriptors_no_directory_is_tried_again(place, monkeypatch):
    """An error that is not a race ends the command; it does not make new directories forever."""
    def refused(_path):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(temporary, "open_directory", refused)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        with temporary.directory():
            pass
    assert len(os.listdir(place / "tmp")) == 1


def test_only_directories_of_ones_own_are_taken_for_leftovers(place):
    (place / "kept").mkdir()
    (place / "tmp" / f"{temporary.PREFIX}link").symlink_to(place / "kept")
    (place / "tmp" / f"{temporary.PREFIX}file").touch()
    (place / "tmp" / "another").mkdir()
    (place / "tmp" / f"{temporary.PREFIX}dead/inside").mkdir(parents=True)
    temporary.remove_leftovers(place / "tmp")
    assert sorted(os.listdir("tmp")) == ["another", f"{temporary.PREFIX}file",
                                         f"{temporary.PREFIX}link"]
    assert (place / "kept").is_dir()


# ---- a full disk --------------------------------------------------------------------------------

@pytest.fixture(name="small_disk")
def small_disk_fixture(place):
    """A file system of 24 MiB for temporary files."""
    target = place / "tmp"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", target],
                          capture_output=True, check=False, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield target
    subprocess.run(["umount", "-l", target], check=True)


def test_a_full_disk_stops_the_class_and_a_second_run_resumes(place, small_disk):
    for name in ("anna", "ben"):
        submit.submission(place / "class" / name, submit.naive())
    words = [*FEW, "--class", "class", "-j", "1"]
    (small_disk / "big").write_bytes(bytes(20 << 20))
    done = submit.grade(*words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("grade: ") and "No space left" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("rerun the command to resume")
    assert list(Path("grades").glob("*/result.json")) == []
    (small_disk / "big").unlink()
    assert submit.grade(*words).returncode == 0
    assert [submit.document("grades", name)["score"] for name in ("anna", "ben")] == [90, 90]


def test_a_disk_that_fills_up_meanwhile_stops_the_class_where_it_is(place, small_disk):
    """The second submission meets it: the compiler's message counts only if the disk is full."""
    submit.submission(place / "class/anna", submit.naive())
    big = "static const char big[30 << 20] = { 1 };\n"
    submit.submission(place / "class/ben", submit.naive(extra=big + "const char *b = big;\n"))
    done = submit.grade(*FEW, "--class", "class", "-j", "1")
    assert (done.returncode, "No space left" in done.stderr) == (2, True), done.stderr
    assert submit.document("grades", "anna")["score"] == 90
    assert not Path("grades/ben/result.json").exists()


def test_any_write_that_fails_for_want_of_space_stops_the_run(place, monkeypatch, capsys):
    path = submit.submission(place / "anna", submit.naive())
    full = OSError(28, "No space left on device", "/x")

    def fails(*_, **__):
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(main.submission.compare, "run", fails)
        assert main.main([*FEW, str(path)]) == 2
    with monkeypatch.context() as patch:
        patch.setattr(classrun, "write_text", fails)
        assert main.main([*FEW, str(path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and set(said) == {
        "grade: /x: No space left on device; free some space there, or set TMPDIR to a directory "
        "on another disk; then rerun the command to resume"}
    assert not Path("grades/anna/result.json").exists()


def test_a_source_that_speaks_of_a_full_disk_is_a_compile_error(place):
    path = submit.submission(place / "anna", "#error No space left on device\n")
    assert main.main([*FEW, str(path)]) == 0
    made = submit.document("grades", "anna")
    assert (made["status"], "it does not compile" in made["reason"]) == ("refused", True)


def test_a_source_that_speaks_like_the_sandbox_is_graded(place):
    """#line lets a warning begin with any words."""
    path = submit.submission(place / "anna", submit.naive(extra='#line 1 "bwrap: x"\n#warning y\n'))
    assert main.main([*FEW, str(path)]) == 0
    assert submit.document("grades", "anna")["status"] == "graded"


def test_a_build_has_a_quota(place):
    big = "".join(f"static const char b{n}[1 << 20] = {{ 1 }};\nconst char *p{n} = b{n};\n"
                  for n in range(70))
    path = submit.submission(place / "anna", submit.naive(extra=big))
    assert main.main([*FEW, str(path)]) == 0
    made = submit.document("grades", "anna")
    assert made["status"] == "refused" and made["reason"].startswith("it does not compile")


def test_temporary_files_that_the_sandboxs_users_cannot_come_to(place, capsys):
    (place / "tmp").chmod(0o700)
    path = submit.submission(place / "anna", submit.naive())
    if not submit.box("bubblewrap").has("user") or submit.box("bubblewrap").missing():
        pytest.skip("without bubblewrap, nobody is protected here")
    assert main.main([*FEW, "--without", "bubblewrap", str(path)]) == 2
    said = capsys.readouterr().err
    assert said == f"grade: {place}/tmp is closed to the sandbox's users; set TMPDIR to a " \
        "directory that everybody can enter\n"
