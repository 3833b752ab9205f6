# SPDX-License-Identifier: BSD-3-Clause
"""The command line of checker/grade.

Exit status: 0 every submission was graded (a refused one counts: it has a mark and a reason), 2 one
could not be graded or the command line is wrong, 130 interrupted.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.harness import entry, temporary, version
from tests.harness.sandbox import sandbox
from tests.harness.build import HarnessError
from tests.harness.cli import MOST_JOBS, MOST_SECONDS, Parser, whole
from tests.harness.feedback.export import check_writable, write_text
from . import classrun, formats, intake, result, scratch, submission, tree, worker
from .course import BUILD_SECONDS, CannotGrade, Course, Settings

CANNOT, INTERRUPTED = 2, 130
DEFAULT_OUT = "grades"
TAKEN = ("run.json", "class.csv")       # the grader's own files in --out
SEEDS_MOST = 10000      # random sequences for each submission; 20 suffice

DESCRIPTION = """Grade submissions: folders, zip or tar archives, git checkouts that hold osmem.c,
usually in src/. Each is copied, built, traced and linted in a sandbox. Results are written to
--out; a second run of the command grades only new and changed submissions."""


def arguments(argv):
    """The parsed command line."""
    parser = Parser(prog="checker/grade", description=DESCRIPTION, allow_abbrev=False)
    add = parser.add_argument
    add("--version", action="version", version=version.line("grade"))
    add("paths", nargs="*", metavar="PATH", help="a submission (default: this repository)")
    add("--class", dest="whole_class", metavar="DIR", help="every submission in DIR")
    add("-o", "--out", metavar="DIR", default=DEFAULT_OUT,
        help="directory for the results, a folder for each submission (default: %(default)s)")
    add("--no-files", action="store_true", help="write no files, only print (one submission)")
    add("--name", help="name of the submission (default: its file name)")
    add("--csv", metavar="FILE", help="write the class's table to FILE as well as OUT/class.csv")
    add("-v", "--verbose", action="store_true", help="print why each test failed")
    add("-q", "--quiet", action="store_true", help="print nothing but errors")
    add("-j", "--jobs", type=whole(1, MOST_JOBS), default=len(os.sched_getaffinity(0)), metavar="N",
        help="how many at a time (default: all cores)")
    add("--fresh", action="store_true", help="also grade submissions that were graded before")
    add("--table", action="store_true", help="grade nothing, print the table of results in --out")
    add("--suite", metavar="DIR", default="", help="grade with the traced suite in DIR")
    add("--seeds", type=whole(0, SEEDS_MOST), default=0, metavar="N",
        help="add N random sequences, and run every program a second time with other sizes")
    add("--seed", type=int, metavar="S",
        help="seed of these sequences and sizes (default: OUT's own number)")
    add("--faults", action="store_true", help="add tests in which brk, mmap or munmap is refused")
    add("--no-style", action="store_true", help="leave style out of the total")
    add("--build-seconds", type=whole(1, MOST_SECONDS), default=BUILD_SECONDS, metavar="S",
        help="how long one run of a compiler or linter may take (default: %(default)s)")
    add("--wall-seconds", type=whole(1, MOST_SECONDS), default=0, metavar="S",
        help="how long the grading of one submission may take in all (default: 600, more with "
        "many sequences); a submission that needs longer is refused")
    add("--cpu-seconds", type=whole(1, MOST_SECONDS), default=0, metavar="S",
        help="how much processor time it may use (default: half as much)")
    add("--worker", type=int, help=argparse.SUPPRESS)   # set by classrun.py: its process id
    add("--probe", action="store_true", help="say which layers of the sandbox work here")
    add("--without", action="append", default=[], choices=sandbox.LAYERS, metavar="LAYER",
        help=f"do not use this layer of the sandbox: {', '.join(sandbox.LAYERS)}")
    add("--unprotected", action="store_true", help="grade even if something is not protected")
    options = parser.parse_args(argv)
    if options.table and (options.paths or options.whole_class):
        parser.error("--table shows the results in --out and takes no submissions")
    if options.seed is not None and not options.seeds:
        parser.error("--seed S needs --seeds N, the number of sequences")
    return options


def submissions(options):
    """[(path, name)] of the submissions to grade; all names differ."""
    paths = list(options.paths)
    if options.whole_class:
        folder = Path(options.whole_class)
        if not folder.is_dir():
            raise CannotGrade(f"{folder} is not a directory; name the one with the submissions")
        paths += sorted(str(path) for path in folder.iterdir() if is_entry(path))
    if not paths and not options.whole_class:
        paths = [str(tree.ROOT)]
    if "" in paths:
        raise CannotGrade("a PATH is empty; name a folder or an archive")
    if not options.no_files:
        paths = without_results(paths, options.out)
    if options.name is not None and len(paths) != 1:
        raise CannotGrade("--name is for one submission; leave it out")
    if options.name is not None and options.name != printable_name(options.name):
        raise CannotGrade(f"--name {options.name!r} is not the name of one folder below --out; "
                          "use letters and digits")
    chosen = list(zip(paths, names(paths) if options.name is None else [options.name]))
    for path, name in [] if options.no_files else chosen:
        if os.path.realpath(path) == os.path.realpath(os.path.join(options.out, name)):
            raise CannotGrade(f"the results of {path} would go into it; name another --out")
    return chosen


def is_entry(path):
    """Whether an entry of a class's directory is a submission: a folder or an archive."""
    return not intake.is_skipped(path.name) and \
        (path.is_dir() or path.name.lower().endswith(intake.ARCHIVES))


def without_results(paths, out):
    """The paths without --out, which lies among the submissions if the command runs in their
    directory. CannotGrade if --out is a submission itself or the only path."""
    place = os.path.realpath(out)
    left = [path for path in paths if os.path.realpath(path) != place]
    if len(left) == len(paths):
        return paths
    if not left or any(Path(place).rglob("osmem.c")):
        raise CannotGrade(f"{out} holds the results, so it cannot be a submission; "
                          "name another --out")
    return left


def names(paths):
    """A name for each path: its last part, with the folders above it where names would be equal."""
    parts = [os.path.abspath(path).split("/")[1:-1] + [intake.submission_name(path)]
             for path in paths]
    length = [1] * len(paths)
    while True:
        made = [printable_name("_".join(part[-count:])) for part, count in zip(parts, length)]
        twice = [number for number, name in enumerate(made) if made.count(name) > 1]
        longer = [number for number in twice if length[number] < len(parts[number])]
        if not longer:
            return numbered(made, twice)
        for number in longer:
            length[number] += 1


def numbered(names, twice):
    """The names; those whose indices are in `twice` get a suffix that makes them unique."""
    used = {name for number, name in enumerate(names) if number not in twice}
    for number in twice:
        ending = number
        while f"{names[number]}-{ending}" in used:
            ending += len(names)
        names[number] = f"{names[number]}-{ending}"
        used.add(names[number])
    return names


def printable_name(name):
    """The name, changed so that it is printable and names one folder below --out."""
    name = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name)
    if not name.strip("."):
        return "_"
    if len(name.encode("utf-8", "replace")) > intake.MAX_NAME:
        name = f"{name[:40]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return f"_{name}" if name in TAKEN or name.startswith("-") else name


def settings(options):
    """The Settings of the run. All runs with the same --out share a seed."""
    suite = os.path.abspath(options.suite) if options.suite else ""
    seed = options.seed
    if options.seeds and seed is None:
        seed = remembered_seed(options)
    return Settings(suite, options.seeds, seed or 0, options.faults, not options.no_style,
                    options.build_seconds, options.wall_seconds, options.cpu_seconds)


def remembered_seed(options):
    """The seed that was drawn when --out was first used; a new one with --no-files."""
    drawn = random.SystemRandom().getrandbits(31)
    if options.no_files:
        return drawn
    path = Path(options.out) / "run.json"
    part = path.with_suffix(f".{os.getpid()}")
    result.write_text(part, json.dumps({"seed": drawn}) + "\n")
    try:
        os.link(part, path)     # many commands may share one --out: the first to link wins
    except FileExistsError:
        pass
    finally:
        part.unlink()
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["seed"])
    except (ValueError, KeyError, TypeError):
        raise CannotGrade(f"{path} is damaged; remove it to grade everything again") from None


def make_folder(path):
    """Make a folder for results."""
    try:
        entry.make_folder(path)
    except OSError as error:
        raise CannotGrade(f"cannot write to {path}: {error.strerror}; name another --out") from None


def protected(options):
    """The Sandbox. CannotGrade if it leaves something unprotected, except with --unprotected."""
    box = sandbox.Sandbox(options.without)
    missing = box.missing()
    if missing and not options.unprotected:
        raise CannotGrade(f"not protected here: {', '.join(missing)}; checker/grade --probe says "
                          "why, --unprotected grades anyway")
    if missing and not options.quiet:
        print(f"grade: NOT PROTECTED: {', '.join(missing)}; submissions can do harm or cheat",
              file=sys.stderr)
    return box


def graded(path, name, options, course, box):
    """The Result of one submission, also if the grader fails on it. Raises Full if the disk is
    full."""
    def work():
        scratch.check_space(tempfile.gettempdir())
        made = submission.grade_submission(path, name, course, box, options.jobs)
        scratch.check_space(tempfile.gettempdir())
        return made

    try:
        return worker.supervised(work, name, worker.budget(course))
    except worker.Spent as reason:
        made = submission.blank(name, course, box)
        submission.refuse(made, f"building, linting, running and analysing it took {reason}; look "
                          "for endless loops, sleeps and functions that make thousands of system "
                          "calls", course)
        return made


def grade_one(path, name, options, course, box):
    """Grade one submission, write and print its Result."""
    folder = Path(options.out) / name
    done = None if options.fresh or options.no_files else \
        classrun.finished(path, folder, course.fingerprint())
    if done is None:
        identity = intake.identity(path)
        done = graded(path, name, options, course, box)
        done.fingerprint, done.identity = course.fingerprint(), identity
        if box.missing():
            done.remarks.append(f"graded without protection of: {', '.join(box.missing())}")
        if not options.no_files:
            make_folder(folder)
            classrun.write(done, folder)
    if not options.quiet and done.status != result.BROKEN:
        print(formats.text.terminal(done, options.verbose), end="")
    return done


def run(options):
    """Carry out the options; the exit status."""
    if options.worker:
        worker.die_with(options.worker, signal.SIGTERM)
    if options.probe:
        box = sandbox.Sandbox(options.without)
        print("\n".join(box.report()))
        return CANNOT if box.missing() else 0
    check_writable(options.csv)
    if options.table:
        return classrun.show_table(options)
    chosen = submissions(options)
    if not options.no_files:
        make_folder(options.out)
    box = protected(options)
    scratch.check_open(box, tempfile.gettempdir())
    course = Course(settings(options), built=bool(options.worker))
    submission.control(course, box, options.jobs)
    if len(chosen) == 1 and not options.whole_class:
        done = grade_one(*chosen[0], options, course, box)
        if done.status == result.BROKEN:
            raise CannotGrade(done.reason)
        if options.csv:
            write_text(options.csv, formats.table.csv_table([formats.table.row(done)]))
        return 0
    if options.no_files:
        raise CannotGrade("--no-files is for one submission; leave it out")
    return classrun.grade_all(chosen, options, course)


def main(argv):
    """Run the command line `argv`; the exit status."""
    sys.stdout.reconfigure(errors="backslashreplace")
    options = None
    temporary.exit_on_signals()
    try:
        options = arguments(argv)
        with scratch.full_is_said(), temporary.directory():
            return run(options)
    except scratch.Full as reason:
        print(f"grade: {reason}", file=sys.stderr)
        return classrun.STOPPED if options.worker else CANNOT
    except (CannotGrade, HarnessError) as reason:
        print(f"grade: {reason}", file=sys.stderr)
        return CANNOT
    except KeyboardInterrupt:
        print("grade: interrupted; rerun the command to resume", file=sys.stderr)
        return INTERRUPTED
