# SPDX-License-Identifier: BSD-3-Clause
"""Grading a class: the command line, resuming, several machines, teaching systems."""

import base64
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from checker import classrun, main, measure, result
from tests import small_suite, submit

ROOT = submit.ROOT
DOCS = (ROOT / "docs/grading.md").read_text(encoding="utf-8")
FEW = ["--no-style", "--suite", small_suite.part_suite()]
BROKEN_C = "not C\n"


@pytest.fixture(name="place")
def place_fixture(tmp_path, monkeypatch):
    """A class of three submissions in three formats: correct, without function, not compiling."""
    submit.want_protection()
    monkeypatch.chdir(tmp_path)
    submit.submission(tmp_path / "class/anna", submit.naive())
    with zipfile.ZipFile(tmp_path / "class/ben.zip", "w") as archive:
        archive.writestr("ben-final/src/osmem.c", submit.STUB)
    submit.submission(tmp_path / "class/carl", BROKEN_C)
    return tmp_path


PATHS = ["class/anna", "class/ben.zip", "class/carl"]
MARKS = {"anna": "90", "ben": "0", "carl": "0"}


def table(path):
    """{name: row} of a class's CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}


def test_a_class_from_the_first_command_to_the_table(place):
    done = submit.grade(*FEW, *PATHS, "missing", "--csv", "mine.csv")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["submission", *MARKS, "missing"]
    assert "refused: it does not compile: src/osmem.c:1" in lines[3]
    assert "refused: missing does not exist" in lines[4]
    found = table("grades/class.csv")
    assert {name: row["score"] for name, row in found.items()} == {**MARKS, "missing": "0"}
    assert found == table("mine.csv")
    for name in found:
        files = sorted(path.name for path in Path("grades", name).iterdir())
        assert files == sorted(classrun.formats.FILES)
    assert "[4/4]" in done.stderr and "Traceback" not in done.stderr
    assert not (place / "class/anna/src/libosmem.so").exists()


def test_what_is_finished_is_not_graded_again_unless_it_changed(place):
    submit.grade(*FEW, *PATHS)
    first = {name: os.stat(f"grades/{name}/result.json").st_mtime_ns for name in MARKS}

    def graded_again(*more):
        assert main.main([*FEW, *more, *PATHS]) == 0
        changed = [name for name in MARKS
                   if os.stat(f"grades/{name}/result.json").st_mtime_ns != first[name]]
        first.update({name: os.stat(f"grades/{name}/result.json").st_mtime_ns for name in MARKS})
        return changed

    assert graded_again() == []
    (place / "class/carl/src/osmem.c").write_text(submit.naive())
    assert graded_again() == ["carl"]
    assert table("grades/class.csv")["carl"]["score"] == "90"
    Path("grades/ben/result.json").write_text("{half of")
    assert graded_again() == ["ben"]
    assert graded_again("--build-seconds", "59") == list(MARKS)
    assert graded_again("--build-seconds", "59") == []
    assert graded_again("--build-seconds", "59", "--fresh") == list(MARKS)


def test_a_run_that_is_killed_goes_on_where_it_stopped(place):
    for number in range(6):
        submit.submission(place / f"many/s{number}", submit.naive())
    words = [sys.executable, str(ROOT), *FEW, "--class", "many", "-j", "1"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not Path("grades/s1/result.json").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    early = {path: path.stat().st_mtime_ns for path in Path("grades").glob("*/result.json")}
    assert 2 <= len(early) < 6
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in early} == early
    assert done.stderr.count("left") <= 6 - len(early)
    assert {row["score"] for row in table("grades/class.csv").values()} == {"90"}
    assert len(table("grades/class.csv")) == 6


def test_an_interrupt_leaves_nothing_running_and_says_how_to_go_on(place):
    (place / "class/dora/src").mkdir(parents=True)
    (place / "class/dora/src/osmem.c").write_text(submit.STUB.replace(
        "\treturn size ? NULL : NULL;", "\tfor (;;)\n\t\t;\n\treturn NULL;"))
    words = [sys.executable, str(ROOT), *FEW, "--class", "class", "-j", "1"]
    # What runs in the background has SIGINT ignored, and so may these tests.
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          start_new_session=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
                          ) as process:
        while not Path("grades/dora").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[1]
    assert process.returncode == main.INTERRUPTED
    assert said.splitlines()[-1] == "grade: interrupted; rerun the command to resume"
    end = time.monotonic() + 60
    while group_of(process.pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert group_of(process.pid) == []


def group_of(session):
    """The processes of a session."""
    fields = {int(entry.name): submit.status_fields(entry.name)
              for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return [pid for pid, words in fields.items() if words[3:4] == [b"%d" % session]]


def test_one_that_cannot_be_graded_does_not_stop_the_class(place, monkeypatch, capsys):
    """A grader that dies on one submission: the others are graded, the table says why."""
    command = classrun.command

    def dying(path, name, options, course):
        if name == "ben":
            return [sys.executable, "-c", "import sys; sys.exit('grade: the disk is full')"]
        return command(path, name, options, course)

    monkeypatch.setattr(classrun, "command", dying)
    status = main.main([*FEW, *PATHS])
    said = capsys.readouterr()
    rows = table("grades/class.csv")
    assert (status, rows["anna"]["score"]) == (2, "90")
    assert rows["ben"]["status"] == "broken" and "the disk is full" in rows["ben"]["note"]
    assert said.err.splitlines()[-1].startswith("grade: 1 of 3 could not be graded, the first is")
    monkeypatch.setattr(classrun, "command", command)
    assert main.main([*FEW, *PATHS]) == 0
    assert table("grades/class.csv")["ben"]["status"] == "graded"


def test_one_submission_prints_its_report_and_keeps_its_seed(place):
    words = [*FEW, "--seeds", "2", "class/anna"]
    done = submit.grade(*words)
    assert done.stdout.splitlines() == [
        "By cause: 90/90", "Correctness: 90/90", "Style: left out: --no-style",
        "Total: 90/90 (without style)"]
    seed = json.loads(Path("grades/run.json").read_text())["seed"]
    assert submit.document("grades", "anna")["settings"]["seed"] == seed
    submit.grade(*words, "class/carl")
    assert submit.document("grades", "carl")["settings"]["seed"] == seed


def test_a_mistake_of_the_graders_is_a_result_too(place, monkeypatch, capsys):
    monkeypatch.setattr(main.submission, "grade_submission", lambda *_: {}["gone"])
    assert main.main([*FEW, "class/anna"]) == 2
    assert submit.document("grades", "anna")["status"] == "broken"
    said = capsys.readouterr().err
    assert said.startswith("grade: the grader failed on it: KeyError('gone')")
    assert said.count("\n") == 1


def test_names_stay_apart():
    assert main.names(["a/anna.zip", "b/ben/", "c.tar.gz"]) == ["anna", "ben", "c"]
    assert main.names(["x/anna/work.zip", "x/ben/work.zip"]) == ["anna_work", "ben_work"]
    assert len(set(main.names(["a/b", "a/b", "/a/b/"]))) == 3
    assert main.names(["/tmp/..a/\x1b[2J"]) == ["_[2J"]
    assert main.names(["a/run.json", "class.csv", "b/-v"]) == ["_run.json", "_class.csv", "_-v"]
    assert main.names(["x/a\n", "y/a\t", "z/a_-0"]) == ["x_a_", "y_a_", "a_-0"]
    assert len(set(main.names(["/a\n", "/a\t", "/a_-0"]))) == 3
    assert "/" not in main.names(["/"])[0] and main.names(["/"])[0].strip(".")


@pytest.mark.parametrize("words", [["--class", "."], ["anna", "ben.zip", "carl", "grades"]])
def test_results_beside_the_submissions_are_none(place, monkeypatch, words):
    """A second command in the class's directory finds --out there, and files of file managers."""
    monkeypatch.chdir(place / "class")
    for name in (".git", "__MACOSX", "grades"):
        Path(name).mkdir()
    Path("grades/class.csv").touch()
    done = submit.grade(*FEW, *words)
    assert (done.returncode, set(table("grades/class.csv"))) == (0, set(MARKS))
    monkeypatch.chdir(place)
    done = submit.grade(*FEW, "--class", "class", "-o", "./class/../class/grades/")
    assert (done.returncode, set(table("class/grades/class.csv"))) == (0, set(MARKS))


@pytest.mark.parametrize("umask, mode", [(0o277, 0o600), (0o707, 0o660), (0o027, 0o640),
                                         (0o002, 0o664)])
def test_the_umask_decides_who_reads_results_and_nothing_else(place, umask, mode):
    words = [sys.executable, str(ROOT), *FEW, "--seeds", "1", *PATHS,
             "--csv", "mine.csv", "-o", "new/out"]
    subprocess.run(words, capture_output=True, check=True, umask=umask)
    assert {name: row["score"] for name, row in table("mine.csv").items()} == MARKS
    files = [path for path in Path("new").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in [*files, Path("mine.csv")]} == {mode}
    folders = [Path("new"), *(path for path in Path("new").rglob("*") if path.is_dir())]
    assert len(folders) == 5
    assert {path.stat().st_mode & 0o777 for path in folders} == {mode | (mode & 0o444) >> 2}


def test_a_student_who_is_called_grades_is_not_left_out(place, monkeypatch):
    monkeypatch.chdir(place / "class")
    submit.submission(Path("grades"))
    done = submit.grade(*FEW, "--class", ".")
    assert done.returncode == 2 and os.listdir("grades") == ["src"]
    assert done.stderr == "grade: grades holds the results, so it cannot be a submission; " \
        "name another --out\n"
    assert submit.grade(*FEW, "--class", ".", "-o", "../out").returncode == 0
    assert set(table("../out/class.csv")) == {*MARKS, "grades"}


@pytest.mark.parametrize("words, said", [
    (["--class", "class", "-o", "class"], "the results of class/anna would go into it"),
    (["-o", "class/carl", "class/carl"], "class/carl holds the results"),
    (["--class", "nowhere"], "nowhere is not a directory"),
    (["--name", "x", "class/anna", "class/carl"], "--name is for one submission"),
    (["--table", "-o", "empty"], "there is no result in empty"),
    (["--no-files", "class/anna", "class/carl"], "--no-files is for one submission"),
    (["--suite", "nowhere", "class/anna"], "cannot read nowhere/suite.json".replace("nowhere", "")),
    (["-o", "class/anna/src/osmem.c/x", "--no-style", "class/anna"], "Not a directory"),
    (["--name", "..", "class/anna"], "--name '..' is not the name of one folder below --out"),
    (["--name", "a/b", "class/anna"], "--name 'a/b' is not the name of one folder below --out"),
    (["--name", "", "class/anna"], "--name '' is not the name of one folder below --out"),
    ([""], "a PATH is empty"),
    (["--csv", "nowhere/x.csv", "class/anna"], "cannot write nowhere/x.csv"),
    (["--seeds", "10001", "class/anna"], "--seeds: '10001' is not from 0 to 10000; --help"),
    (["--seeds", "x", "class/anna"], "--seeds: invalid whole number value: 'x'; --help"),
    (["-j", "0", "class/anna"], "--jobs: '0' is not from 1 to 1024; --help"),
    (["--build-seconds", "0", "class/anna"], "--build-seconds: '0' is not from 1 to 86400; --help"),
    (["--seed", "5", "class/anna"], "--seed S needs --seeds N, the number of sequences; --help"),
    (["--table", "class/anna"],
     "--table shows the results in --out and takes no submissions; --help"),
])
def test_a_command_line_that_makes_no_sense_is_one_line(place, words, said):
    done = submit.grade(*words)
    assert done.returncode == 2
    assert said in done.stderr.replace(str(place) + "/nowhere", "")
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("grade: ")
    assert not Path("report.html").exists() and not Path("grades/a").exists()


def test_the_table_of_a_single_submission(place):
    """Written through a link, since the name may be /dev/stdout."""
    os.symlink("real.csv", "one.csv")
    assert main.main([*FEW, "--quiet", "--csv", "one.csv", "class/carl"]) == 0
    assert table("real.csv")["carl"]["status"] == "refused" and Path("one.csv").is_symlink()


def test_a_suite_whose_prerequisites_make_no_sense(tmp_path):
    submit.want_protection()
    place = Path(small_suite.make_suite(tmp_path / "suite", {"test-free-null": 1}))
    needs = {"points": 1, "group": "g", "needs": ["test-x"]}
    small_suite.write_suite(place, {"test-free-null": needs})
    done = submit.grade("--no-files", "--suite", place, submit.submission(tmp_path / "anna"))
    assert (done.returncode, 'needs "test-x", which is not a test' in done.stderr) == (2, True)


def test_prerequisites_hidden_tests_and_weights(tmp_path):
    place = Path(small_suite.make_suite(tmp_path / "suite", small_suite.PART))
    small_suite.write_suite(place, {
        "test-malloc-first-use-preallocates": {"points": 1, "group": "malloc"},
        "test-free-null": {"points": 2, "group": "free", "hidden": True},
        "test-free-unmaps": {"points": 3, "group": "free",
                             "needs": ["test-malloc-first-use-preallocates"]}})
    made = submit.result_of(tmp_path / "anna", submit.naive("NO_PREALLOCATION"), suite=str(place))
    tests = {test.name: test for test in made.tests}
    assert [round(test.points, 6) for test in made.tests] == [15, 30, 45]
    assert tests["test-free-unmaps"].status == "skipped"
    assert tests["test-free-unmaps"].reason == \
        "not run: it needs test-malloc-first-use-preallocates, which failed"
    assert tests["test-free-null"].hidden
    page = classrun.formats.FILES["report.html"](made)
    assert "test-free-null" not in page and "1 hidden test" in page


def test_the_page_explains_with_rules_and_pictures_of_the_heap(tmp_path):
    place = small_suite.make_suite(tmp_path / "suite", {"test-mixed-linked-list": 1})
    made = submit.result_of(tmp_path / "anna", submit.naive("FIRST_FIT"), suite=place)
    page = classrun.formats.FILES["report.html"](made)
    assert made.tests[0].rules and f"rules {', '.join(made.tests[0].rules)}" in page
    assert "First call that differs" in page and "As above:" in page
    assert "1 mistake explains 1 of 1 failure" in page and "<h3>1. <b>H2</b> the library" in page
    assert "# live   . free" in page and "|break" in page
    assert "python3 tests/run_tests.py test-mixed-linked-list" in page


@pytest.mark.parametrize("mistake", ["NONE", "FIRST_FIT", "NO_PREALLOCATION", "HANGS"])
def test_the_same_submission_gets_the_same_mark(tmp_path, mistake, monkeypatch):
    """A few times here; `make marks` grades this library and ten broken ones 20 times each."""
    submit.stop_soon(monkeypatch)
    path = submit.submission(tmp_path / mistake, submit.naive(mistake))
    made = [submit.graded(path, without=without, seeds=2, seed=3)
            for without in ((), ("bubblewrap",), ())]
    parts = [[(test.name, test.status, test.share, test.reason) for test in one.tests]
             for one in made]
    assert parts[0] == parts[1] == parts[2]


def test_marks_that_are_claimed_were_measured():
    with open(ROOT / "checker/results/marks.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 11
    assert {(row["times"], row["different"]) for row in rows} == {("20", "1")}
    assert [row["marks"] for row in rows if row["submission"] == "reference"] == ["100"]


def test_growth_is_measured_as_it_is_said(monkeypatch, tmp_path, capsys):
    submit.want_protection()
    (tmp_path / "growth.csv").write_text("submissions,seconds,per_minute,peak_KiB,settings\n"
                                         "10,1.0,2.0,3,default\n9,1,2,3,\"3 programs, no style\"\n")
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    assert measure.main(["growth", "--few", "--counts", "2"]) == 0
    with open(tmp_path / "growth.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["submissions"], row["settings"]) for row in rows] == [
        ("2", "3 programs, no style"), ("10", "default")]
    assert float(rows[0]["per_minute"]) > 0 and int(rows[0]["peak_KiB"]) > 1000
    assert "per_minute" in capsys.readouterr().out


# ---- other machines ---------------------------------------------------------------------------

def documented(word):
    """The fenced block of docs/grading.md that contains the word."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCS, re.S)
    return next(block for block in blocks if word in block)


def in_the_class(block, place, path=""):
    """Run a documented block in the class's directory, with the options of these tests."""
    block = block.replace("checker/grade", f"{ROOT}/checker/grade {' '.join(FEW)}")
    block = block.replace("host1,host2", "1/:")
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}" * bool(path)
                   or os.environ["PATH"]}
    return subprocess.run(["bash", "-euc", block], cwd=place, env=environment, text=True,
                          capture_output=True, check=False, timeout=300)


def check_documented(done):
    """Check that a documented command produced the class's marks."""
    assert done.returncode == 0, done.stderr
    assert {name: row["score"] for name, row in table("grades/class.csv").items()} == MARKS
    assert [line.split()[0] for line in done.stdout.splitlines()][-4:] == ["submission", *MARKS]


def test_gnu_parallel_grades_a_class(place):
    version = subprocess.run(["parallel", "--version"], capture_output=True, text=True, check=False)
    if "GNU parallel" not in version.stdout:
        pytest.skip("the command parallel is not GNU parallel")
    check_documented(in_the_class(documented("parallel --sshlogin"), place))


def test_a_slurm_array_grades_a_class(place):
    """With an sbatch that runs the array's tasks one after the other, as one machine would."""
    tools = place / "tools"
    tools.mkdir()
    (tools / "sbatch").write_text(
        "#!/bin/bash\nfor word in \"$@\"; do\n\tcase $word in\n"
        "\t--array=*) range=${word#--array=} ;;\n\t--wrap=*) script=${word#--wrap=} ;;\n"
        "\t--*) ;;\n\t*) echo \"no such word: $word\" >&2; exit 1 ;;\n\tesac\ndone\n"
        "for ((id = ${range%-*}; id <= ${range#*-}; id++)); do\n"
        "\tSLURM_ARRAY_TASK_ID=$id bash -c \"$script\" || exit 1\ndone\n")
    (tools / "sbatch").chmod(0o755)
    check_documented(in_the_class(documented("sbatch"), place, str(tools)))


def test_the_page_for_staff_leads_from_an_empty_machine_to_a_graded_class(place):
    """All of its commands, except those that install or clone."""
    page = (ROOT / "docs/staff.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(apt-get update.*?)```", page, re.S).group(1)
    commands = [line.split("#")[0].strip() for line in block.splitlines()]
    assert len(commands) == 6 and commands[0].endswith("git")
    assert commands[1] == "git clone URL osmem && cd osmem"
    (place / "osmem").symlink_to(ROOT)
    rest = "\n".join(commands[2:]).replace("checker/", "osmem/checker/")
    rest = rest.replace("make skeleton DIR=../", f"make -C osmem skeleton DIR={place}/")
    rest = rest.replace("../", "")
    rest = rest.replace("--seeds 20 --faults", " ".join(FEW))
    done = subprocess.run(["bash", "-euc", rest], capture_output=True, text=True, check=False,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    assert {name: row["score"] for name, row in table("grades/class.csv").items()} == MARKS
    assert all(Path("grades", name, "report.html").exists() for name in MARKS)
    assert (place / "handout/src/osmem.c").exists()


# ---- other systems ----------------------------------------------------------------------------

@pytest.fixture(name="autograder")
def autograder_fixture(place):
    """A directory as Gradescope makes it, with this repository as the grader."""
    base = place / "autograder"
    (base / "source").mkdir(parents=True)
    (base / "source/osmem").symlink_to(ROOT)
    for name in ("setup.sh", "run_autograder"):
        shutil.copy(ROOT / "checker/gradescope" / name, base / "source")
    script = base / "source/run_autograder"
    script.write_text(script.read_text().replace("(--seeds 20 --faults)", f"({' '.join(FEW)})"))
    return base


def run_gradescope(base, name):
    """Run one of the two scripts; the CompletedProcess."""
    return subprocess.run([str(base / "source" / name)], capture_output=True, text=True,
                          env={**os.environ, "AUTOGRADER": str(base)}, check=False, timeout=300)


def test_gradescope(autograder, place):
    done = run_gradescope(autograder, "setup.sh")
    assert done.returncode == 0 and "bubblewrap" in done.stdout
    for name, score in (("anna", 100), ("carl", 0)):
        shutil.copytree(place / "class" / name, autograder / "submission", dirs_exist_ok=True)
        assert run_gradescope(autograder, "run_autograder").returncode == 0
        read = json.loads((autograder / "results/results.json").read_text())
        assert read["score"] == score and len(read["tests"]) == len(small_suite.PART)
    assert "it does not compile" in read["output"]


def test_gradescope_gets_a_result_when_the_grader_fails(autograder, place):
    shutil.copytree(place / "class/anna", autograder / "submission")
    script = autograder / "source/run_autograder"
    script.write_text(script.read_text().replace(small_suite.part_suite(), "/nowhere"))
    done = run_gradescope(autograder, "run_autograder")
    read = json.loads((autograder / "results/results.json").read_text())
    assert read["score"] == 0
    assert read["output"].startswith("The grader failed, not the submission.")
    assert "grade: cannot read" in read["output"] and "grade: cannot read" in done.stderr


def test_gradescope_archive_is_packed_as_documented(tmp_path):
    block = documented("git archive")
    if not shutil.which("git"):
        pytest.skip("git is not installed: apt-get install git")
    if subprocess.run(["git", "-C", ROOT, "-c", "safe.directory=*", "rev-parse", "HEAD"],
                      capture_output=True, check=False).returncode:
        pytest.skip("this is not a git checkout, so there is nothing to archive")
    block = block.replace("git archive", "git -c safe.directory='*' archive")
    block = block.replace("autograder.zip", str(tmp_path / "autograder.zip"))
    subprocess.run(["bash", "-euc", block], cwd=ROOT, check=True, timeout=60)
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        found = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert {"setup.sh", "run_autograder", "osmem/checker/deps.sh", "osmem/tests/suite.json"} \
        <= set(found)
    assert found["setup.sh"] & found["run_autograder"] & found["osmem/checker/grade"] & 0o111


def test_classroom(place):
    output = place / "output"
    done = subprocess.run([str(ROOT / "checker/classroom/run.sh"), "class/anna", *FEW], text=True,
                          capture_output=True, check=False, timeout=300,
                          env={**os.environ, "GITHUB_OUTPUT": str(output)})
    assert done.returncode == 0 and "Total: 90/90" in done.stdout
    name, _, payload = output.read_text().strip().partition("=")
    read = json.loads(base64.b64decode(payload))
    assert name == "result" and output.read_text().count("\n") == 1
    assert (read["version"], read["status"], read["max_score"]) == (1, "pass", 90)
    assert sum(test["score"] for test in read["tests"]) == 90


def test_the_classroom_workflow_runs_what_is_tested():
    text = (ROOT / "checker/classroom/classroom.yml").read_text()
    assert "run: sudo --preserve-env=GITHUB_OUTPUT grader/checker/classroom/run.sh submission" \
        in text
    assert "id: osmem" in text and "${{ steps.osmem.outputs.result }}" in text
    assert "\t" not in text and "runners: osmem" in text and "OSMEM_RESULTS:" in text


def test_virtual_programming_lab(place):
    block = documented("vpl.txt").replace("/opt/osmem/", "").replace("/tmp/out", "out")
    block = block.replace(" .\n", " class/anna\n").replace("--seeds 20 --faults ", "")
    done = in_the_class(block, place)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "Grade :=>>100"      # of 100: 90 of 90 that were measured
    assert all(line.startswith("Comment :=>>") for line in lines[:-1]) and len(lines) > 3


def test_results_of_this_schema_only():
    assert result.read(ROOT / "tests/suite.json") is None
