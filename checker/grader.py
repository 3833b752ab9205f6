# SPDX-License-Identifier: BSD-3-Clause
"""Grade a submission, or a class of them: correctness out of 90, style out of 10.

A submission is C that somebody else wrote. Only its .c and .h files are taken, into a fresh
directory, and built by the rules here; as root, the compilers and the programs run as nobody.
"""

import argparse
import csv
import json
import os
import pwd
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import lint
import style
import tree

ROOT = tree.ROOT
sys.path.insert(0, str(ROOT / "tests"))
from harness.build import HarnessError, check_library  # noqa: E402

CORRECTNESS = 90

MAX_FILES = 100
MAX_BYTES = 1 << 20             # of all sources together
COMPILE_SECONDS = 60            # wall time of one compiler run
LIMITS = {
    resource.RLIMIT_CPU: 20,                # seconds, each process
    resource.RLIMIT_AS: 2 << 30,            # bytes; clang needs a quarter of it
    resource.RLIMIT_FSIZE: 64 << 20,        # bytes, each file: .incbin can ask for any number
    resource.RLIMIT_CORE: 0,
}
FINDINGS_SHOWN = 20             # of each kind
BUILD_FLAGS = ["-std=gnu11", "-O2", "-g", "-fPIC", "-pthread"]


class CannotGrade(Exception):
    """The grader itself cannot work: str(e) is cause and remedy in one line."""


class Refused(Exception):
    """The submission cannot be graded as what it is; it gets no points: str(e) says why."""


@dataclass
class Grade:
    """What one submission gets, and why not more."""

    name: str
    correctness: int = 0
    style: float = 0.0              # None: could not be measured
    refusal: str = ""               # why it was not run at all
    not_measured: str = ""          # why there is no style
    lost_tests: list = field(default_factory=list)      # (points, name, reason)
    lost_style: list = field(default_factory=list)      # (points, what, [findings])

    @property
    def total(self):
        """Out of 100; what could not be measured counts nothing."""
        return self.correctness + (self.style or 0)

    def note(self):
        """The grade's story in a few words, for a table."""
        return self.refusal or self.not_measured or (
            f"{len(self.lost_tests)} tests failed" if self.lost_tests else "")


def source_directory(submission):
    """Where the submission's sources are: its src/, or itself."""
    submission = Path(submission)
    if not submission.is_dir():
        raise CannotGrade(f"{submission} is no directory; name the submission's directory")
    inner = submission / "src"
    if inner.is_symlink():
        raise Refused("src is a symbolic link")
    return inner if inner.is_dir() else submission


def read_source(path, budget):
    """The bytes of a regular file of at most budget bytes; links, pipes, devices are refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}") from None
    with open(descriptor, "rb") as source:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path.name} is not a regular file")
        data = source.read(budget + 1)
    if len(data) > budget:
        raise Refused(f"the sources are larger than {MAX_BYTES} bytes")
    return data


def take_sources(submission, target):
    """Copy the submission's .c and .h files into the directory target; their new paths."""
    found = sorted(path for path in source_directory(submission).iterdir()
                   if path.suffix in (".c", ".h"))
    if not any(path.suffix == ".c" for path in found):
        raise Refused("there is no .c file in it, nor in its src/")
    if len(found) > MAX_FILES:
        raise Refused(f"there are more than {MAX_FILES} source files")
    budget = MAX_BYTES
    for path in found:
        data = read_source(path, budget)
        budget -= len(data)
        (target / path.name).write_bytes(data)
    return [target / path.name for path in found]


def limited(command, cwd):
    """lint.run_tool for untrusted input: bounded, and as nobody when this is root."""
    def bound():
        for what, most in LIMITS.items():
            resource.setrlimit(what, (most, most))

    options = {"preexec_fn": bound, "start_new_session": True, "seconds": COMPILE_SECONDS,
               "variables": {"TMPDIR": str(cwd)}}   # a killed compiler leaves files behind
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        options.update(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    return lint.run_tool(command, cwd=cwd, **options)


def build(sources, utils, objects, library):
    """Build library/libosmem.so from the sources and the grader's utils, in objects."""
    c_files = [str(path) for path in sources if path.suffix == ".c"]
    try:
        output, status = limited(["gcc", *BUILD_FLAGS, f"-I{utils}", "-shared", "-o", "libosmem.so",
                                  *c_files, *map(str, sorted(utils.glob("*.c")))], objects)
    except lint.NotMeasured as reason:
        raise Refused(str(reason)) from None
    if status:
        raise Refused("it does not compile: " + first_error(output, objects.parent))
    shutil.copy(objects / "libosmem.so", library, follow_symlinks=False)
    try:
        check_library(library)
    except HarnessError as reason:
        raise Refused(str(reason).replace(f"{library}/", "")) from None


def first_error(output, workspace):
    """The line of a compiler's or linker's output that says what is wrong."""
    lines = output.replace(f"{workspace}/", "").splitlines()
    for mark in ("multiple definition", "undefined reference", "error:"):
        for line in lines:
            if mark in line:
                return line
    return lines[-1] if lines else "no message"


def trace(library, verbose, scratch, suite):
    """Run the traced suite (in directory suite; None: this repository's) on the library: its JSON
    document."""
    report = scratch / "traced.json"
    command = [sys.executable, str(ROOT / "tests/run_tests.py"), "--library", str(library),
               "--json", str(report), *(["--suite", str(suite)] if suite else [])]
    done = subprocess.run(command, stdout=None if verbose else subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode not in (0, 1) or not report.exists():
        message = (done.stderr.strip().splitlines() or ["run_tests.py said nothing"])[-1]
        raise CannotGrade(message)
    document = json.loads(report.read_text())
    if document["possible"] != CORRECTNESS:
        raise CannotGrade(f"the suite's points sum to {document['possible']}; "
                          f"make them {CORRECTNESS} in its suite.json")
    return document


def judge_style(grade, sources, utils):
    """Fill in the style of a submission that was built."""
    try:
        findings = lint.pragmas(sources) + lint.checkpatch(sources)
        for name in ("gcc", "clang"):
            findings += lint.compiler(name, sources, [utils], run_tool=limited)
    except lint.NotMeasured as reason:
        grade.style, grade.not_measured = None, f"style not measured: {reason}"
        return
    own = style.once_a_line(finding for finding in findings
                            if not finding.file.startswith(str(utils)))
    for kind, count, cost in style.deductions(own):
        what = style.COSTS[kind][0] + ("s" if count > 1 else "")
        grade.lost_style.append((cost, f"{count} {what}",
                                 [finding for finding in own if finding.kind == kind]))
    left = style.points(own)
    grade.style = style.earned(left, grade.correctness)
    if grade.style < left:
        grade.lost_style.append((left - grade.style, "no more than the correctness points", []))


def judge(grade, submission, verbose, workspace, suite):
    """Fill in the grade of one submission, working in the directory workspace."""
    for name in ("src", "objects", "library"):
        (workspace / name).mkdir()
    utils = workspace / "utils"
    shutil.copytree(ROOT / "utils", utils, ignore=shutil.ignore_patterns("*.o", "*.d"))
    os.chmod(workspace, 0o755)
    if os.geteuid() == 0:
        os.chown(workspace / "objects", pwd.getpwnam("nobody").pw_uid, -1)
    sources = take_sources(submission, workspace / "src")
    build(sources, utils, workspace / "objects", workspace / "library")
    document = trace(workspace / "library", verbose, workspace, suite)
    grade.correctness = document["earned"]
    grade.lost_tests = [(test["points"], test["name"], test["reason"])
                        for test in document["tests"] if not test["passed"]]
    judge_style(grade, sources, utils)


def grade_one(submission, verbose=False, suite=None):
    """The Grade of one submission. CannotGrade if it cannot be had."""
    grade = Grade(Path(submission).resolve().name)
    with tempfile.TemporaryDirectory(prefix="osmem-grade-") as scratch:
        try:
            judge(grade, submission, verbose, Path(scratch), suite)
        except Refused as reason:
            grade.refusal = str(reason)
    return grade


def finding_text(finding):
    """One finding as file:line: message; file names as the submission has them."""
    return f"{Path(finding.file).name}:{finding.line}: {finding.text}"


def report(grade):
    """The lines that course staff read."""
    lines = []
    if grade.refusal:
        lines.append(f"Not run: {grade.refusal}")
    if grade.lost_tests:
        lines.append("Lost in correctness:")
        lines += [f"  -{points:<5} {name}: {reason}" for points, name, reason in grade.lost_tests]
    if grade.lost_style:
        lines.append("Lost in style:")
    for points, what, findings in grade.lost_style:
        lines.append(f"  -{points:<5.4g} {what}")
        lines += [f"           {finding_text(finding)}" for finding in findings[:FINDINGS_SHOWN]]
        if len(findings) > FINDINGS_SHOWN:
            lines.append(f"           and {len(findings) - FINDINGS_SHOWN} more")
    lines.append(f"Correctness: {grade.correctness}/{CORRECTNESS}")
    lines.append(f"Style: {style_text(grade)}" + f"/{style.POINTS}" * (grade.style is not None))
    without = " (without style)" if grade.style is None else ""
    lines.append(f"Total: {grade.total:.4g}/{CORRECTNESS + style.POINTS}{without}")
    return "\n".join(lines)


def style_text(grade):
    """The style points as a table shows them."""
    return f"{grade.style:.4g}" if grade.style is not None else grade.not_measured


def printable(text):
    """The text without characters that could drive a terminal: submissions supply parts of it."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def table_row(submission, suite):
    """(what the table says of a submission, whether it could be graded)."""
    try:
        grade = grade_one(submission, suite=suite)
    except (CannotGrade, OSError) as reason:
        return [submission.name, "-", "-", "-", f"could not be graded: {reason}"], False
    short = "-" if grade.style is None else style_text(grade)
    return [grade.name, grade.correctness, short, f"{grade.total:.4g}", grade.note()], True


def grade_class(directory, csv_path, suite):
    """Grade every subdirectory; a table on stdout and, if csv_path, a CSV file.

    CannotGrade, after all that, if some of them could not be graded.
    """
    rows, failures = [], 0
    print(f"{'submission':<24} {'correct':>7} {'style':>6} {'total':>6}  note")
    for submission in sorted(path for path in Path(directory).iterdir() if path.is_dir()):
        row, graded = table_row(submission, suite)
        failures += not graded
        rows.append(row)
        name, correct, points, total, note = map(str, row)
        print(printable(f"{name:<24} {correct:>7} {points:>6} {total:>6}  {note}"), flush=True)
    if csv_path:
        with open(csv_path, "w", newline="", encoding="utf-8", errors="backslashreplace") as out:
            csv.writer(out).writerows([["submission", "correctness", "style", "total", "note"],
                                       *rows])
    if failures:
        raise CannotGrade(f"{failures} of {len(rows)} submissions could not be graded; "
                          "the table says why, grade them again when that is mended")


def arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="checker.sh", description="Grade a submission: correctness out of 90 from the traced "
        "suite, style out of 10 from the linters. Exit status: 0 graded, 2 could not grade.")
    parser.add_argument("submission", nargs="?", default=str(ROOT / "src"),
                        help="directory with the submission's sources, or with a src/ that has "
                        "them (default: this repository's src/)")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="also print the suite's own output, with its explanations")
    parser.add_argument("--class", dest="whole_class", metavar="DIR",
                        help="grade each subdirectory of DIR, print a table")
    parser.add_argument("--suite", metavar="DIR", type=os.path.abspath,
                        help="grade with the traced suite in DIR (default: this repository's)")
    parser.add_argument("--csv", metavar="FILE", help="with --class: write the table there too")
    return parser.parse_args(argv)


def main(argv):
    """Grade what the command line names."""
    options = arguments(argv)
    try:
        if options.whole_class:
            grade_class(options.whole_class, options.csv, options.suite)
        else:
            grade = grade_one(options.submission, options.verbose, options.suite)
            print(printable(report(grade)))
    except (CannotGrade, OSError) as reason:
        print(f"checker: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
