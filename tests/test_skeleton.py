# SPDX-License-Identifier: BSD-3-Clause
"""The folder that students start from builds, fails as documented, and has a correct README.md."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import small_suite, submit
from tests.harness import suite
from tests.harness.spec import history

ROOT = small_suite.ROOT
README = (ROOT / "handout/README.md").read_text(encoding="utf-8")
CALLS = ("os_malloc", "os_calloc", "os_realloc", "os_free")
FIRST = {"test-malloc-zero-size", "test-calloc-zero-factor", "test-realloc-null-zero"}
# Rules that hold in every step, or that no program of the suite can show.
ALWAYS = {"Y1", "Y2", "M2", "B1", "B2", "B3", "B4"}


def make_skeleton(place):
    """Run the command that makes the folder."""
    return subprocess.run(["make", "-s", "skeleton", f"DIR={place}"], cwd=ROOT, text=True,
                          capture_output=True, check=False)


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory):
    """A new, unchanged folder."""
    place = tmp_path_factory.mktemp("handout") / "my allocator"
    done = make_skeleton(place)
    assert (done.returncode, done.stderr) == (0, "")
    return place


def run_tests(place, *words):
    """Run the folder's own tests."""
    return subprocess.run([sys.executable, "tests/run_tests.py", *words], cwd=place, text=True,
                          capture_output=True, check=False)


def commands():
    """The shell commands in README.md, block by block, continued lines as one."""
    blocks = re.findall(r"^```\n(.*?)^```$", README, re.M | re.S)
    return [block.replace("\\\n", " ").splitlines() for block in blocks]


def steps():
    """[(rules of a step, patterns of its programs)] of README.md."""
    found = re.findall(r"^\*\*\d+\. [^*]+\*\*[^\n]*: ([A-Z]\d(?:, [A-Z]\d)*)\n\n```\n(.*?)^```$",
                       README, re.M | re.S)
    return [(set(rules.split(", ")), shlex.split(command.replace("\\\n", " "))[2:])
            for rules, command in found]


def test_nothing_of_the_library_is_in_it(skeleton):
    theirs = {path.name for path in (skeleton / "src").iterdir()}
    assert theirs == {"osmem.c", "Makefile"}
    ours = {path.read_text(encoding="utf-8") for path in (ROOT / "src").glob("*.[ch]")}
    ours.add((ROOT / "tests/naive_library.c").read_text(encoding="utf-8"))
    copied = [path for path in skeleton.rglob("*.[ch]") if path.read_text("utf-8") in ours]
    assert copied == []
    assert not list(skeleton.rglob("*.pyc")) and not (skeleton / "tests/build").exists()


def test_what_exists_is_left_as_it_is(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work/osmem.c").write_text("mine")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name in ("work", "work/osmem.c", "lost", "", "work/osmem.c/x"):
        done = make_skeleton(tmp_path / name if name else "")
        line, status = done.stderr.splitlines()
        assert re.match(r"skeleton: .*name (a|the|another) folder", line) and "Error 2" in status
    assert {path.name for path in tmp_path.rglob("*")} == {"work", "lost", "osmem.c"}
    assert (tmp_path / "work/osmem.c").read_text() == "mine"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_it_builds_without_a_warning(skeleton, tmp_path, compiler):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    shutil.copytree(skeleton, tmp_path / "it")
    done = subprocess.run(["make", "-C", tmp_path / "it/src", f"CC={compiler}"], text=True,
                          capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert " -Wall -Wextra -Wpedantic -Wshadow -Wconversion " in done.stdout


def test_stubs_pass_what_asks_for_nothing(skeleton):
    """And README.md says so."""
    done = run_tests(skeleton)
    assert (done.returncode, done.stderr) == (1, "")
    passed = {line.split()[0] for line in done.stdout.splitlines() if " passed " in line}
    assert passed == FIRST
    assert f"\nTotal: {len(FIRST)}/90\n" in done.stdout
    assert f"`Total: {len(FIRST)}/90`" in README


def test_the_grader_agrees(skeleton):
    made = submit.graded(skeleton, suite="")
    assert (made.status, made.remarks) == ("graded", [])
    assert {test.name for test in made.tests if test.status == "passed"} == FIRST
    assert made.score == len(FIRST)


def needs(events):
    """What a program needs: the functions that it calls and the rules that its calls apply."""
    applied = {event[0].partition("(")[0] for event in events[:-1]}
    for index in range(len(events) - 1):
        step = history.step_at(events, index)
        applied |= set(step.rules) if step else set()
    return applied


def test_a_step_has_the_programs_that_need_nothing_later():
    """Every program is in the first step after which all its rules and functions are there."""
    tests = suite.load_suite()
    references = suite.read_references(tests)
    known = set(ALWAYS)
    left = {test.name: needs(references[test.name]) for test in tests}
    functions = iter([CALLS[::3], (), (), (), CALLS[1:2], CALLS[2:3], (), (), (), ()])
    for rules, patterns in steps():
        known |= rules | set(next(functions))
        ready = {name for name, needed in left.items() if needed <= known}
        assert set(suite.expand([test.name for test in tests], patterns)) == ready
        left = {name: needed for name, needed in left.items() if name not in ready}
    assert left == {}
    contract = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
    assert known - set(CALLS) == set(re.findall(r"^- \*\*([A-Z]\d)\*\*", contract, re.M))


def test_each_line_of_readme_finds_what_it_names(skeleton):
    named = {word for block in commands() for line in block for word in line.split()
             if word.startswith("tests/") and "build" not in word}
    named |= set(re.findall(r"\]\(([\w/.]+)\)", README))
    page = (ROOT / "docs/students.md").read_text(encoding="utf-8")
    named |= {"docs/" + link for link in re.findall(r"\]\(([\w/.]+)\)", page)}
    assert named and [name for name in named if not (skeleton / name).exists()] == []


def test_the_recipe_for_gdb(skeleton, tmp_path):
    """Its commands run unchanged with a library that follows the contract."""
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    shutil.copytree(skeleton, tmp_path / "it")
    (tmp_path / "it/src/osmem.c").write_text(submit.naive(), encoding="utf-8")
    first = next(number for number, block in enumerate(commands()) if "gdb -q" in block[-1])
    shell, inside, shown = commands()[first:first + 3]
    typed = [word for line in inside for word in ("-ex", line)]
    shell[-1] = shell[-1].replace("gdb -q", f"gdb -q -batch {shlex.join(typed)}")
    # In this order gdb would run them before heap.py is loaded.
    shell[-1] = re.sub(r"(gdb -q -batch) (.*) (-x heap\.py)", r"\1 \3 \2", shell[-1])
    done = subprocess.run(["bash", "-ec", "\n".join(shell)], cwd=tmp_path / "it", text=True,
                          capture_output=True, check=False)
    if "ptrace" in done.stderr.lower():
        pytest.skip("programs cannot be debugged here: " + done.stderr.splitlines()[-1])
    assert "\n".join(shown[1:]) in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("HeapStart is 0x") == 2


def test_visual_studio_code_finds_its_tasks(skeleton):
    folder = skeleton / ".vscode"
    tasks = {task["label"]: task["command"] for task in
             json.loads((folder / "tasks.json").read_text(encoding="utf-8"))["tasks"]}
    launch, = json.loads((folder / "launch.json").read_text(encoding="utf-8"))["configurations"]
    assert launch["preLaunchTask"] in tasks
    source, = launch["setupCommands"][0]["text"].removeprefix("source ${workspaceFolder}/").split()
    assert (skeleton / source).is_file()
    work = skeleton.with_name("copy")
    shutil.copytree(skeleton, work)
    for command in tasks.values():
        command = command.replace("${fileBasenameNoExtension}", "test-malloc-zero-size")
        done = subprocess.run(["sh", "-c", command], cwd=work, text=True, capture_output=True)
        assert done.returncode == ("Total: 3/90" in done.stdout), done.stderr
    program = launch["program"].replace("${workspaceFolder}", str(work))
    assert Path(program.replace("${fileBasenameNoExtension}", "test-malloc-zero-size")).is_file()
