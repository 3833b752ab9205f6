# SPDX-License-Identifier: BSD-3-Clause
"""The command line of tests/run_tests.py.

Exit status: 0 all passed, 1 something failed (with -m: memory errors too, although they cost no
points), 2 the harness could not run (one line on stderr), 130 interrupted, 143 terminated, 129 the
terminal was closed.
"""

import argparse
import collections
import os
import shlex
import sys
import time

from . import suite, temporary, version
from .build import HarnessError

SCRIPT = suite.DEFAULT_ROOT / "run_tests.py"
FAILED, NOT_RUN, INTERRUPTED = 1, 2, 130
DEFAULT_TIMEOUT = 5.0       # seconds
FULL_EXPLANATIONS = 3       # failures explained in full, unless tests were chosen by name

DESCRIPTION = """Build what is missing, run each test program under ltrace, and compare every call,
result and system call with its reference."""


class Parser(argparse.ArgumentParser):
    """A parser that reports a bad option as a HarnessError: one line, exit status 2."""

    def error(self, message):
        """argparse calls this for any bad option."""
        raise HarnessError(f"{message}; --help shows the options")


MOST_SECONDS = 86400        # limit of any time-out: a day
MOST_JOBS = 1024


def whole(least, most):
    """An argparse type: a whole number from `least` to `most`."""
    def whole_number(text):
        if not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not from {least} to {most}")
        return int(text)
    whole_number.__name__ = "whole number"      # argparse prints this name
    return whole_number


def seconds(text):
    """An argparse type: a time in seconds, above 0."""
    if not 0 < float(text) <= MOST_SECONDS:     # also true for NaN
        raise argparse.ArgumentTypeError(f"'{text}' is not above 0 and at most {MOST_SECONDS}")
    return float(text)


seconds.__name__ = "number"


def options(argv):
    """The parsed command line. HarnessError if it is wrong."""
    parser = Parser(prog="run_tests.py", description=DESCRIPTION, allow_abbrev=False)
    add = parser.add_argument
    add("--version", action="version", version=version.line("run_tests.py"))
    add("names", nargs="*", help="tests, with or without test- and .c, or patterns; default: all")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("-v", "--verbose", action="store_true", help="print each normalised trace")
    shown.add_argument("-d", "--diff", action="store_true",
                       help="print only the comparison of a failed test")
    add("-m", "--memory", action="store_true", help="also check for leaks and invalid accesses")
    add("-j", "--jobs", type=whole(1, MOST_JOBS), default=len(os.sched_getaffinity(0)), metavar="N",
        help="programs at a time (default: all cores)")
    add("--timeout", type=seconds, default=DEFAULT_TIMEOUT, metavar="S",
        help="seconds that a program may take (default: %(default)g); 1 after eight have hung")
    add("--library", metavar="DIR",
        help="directory with the libosmem.so under test (default: src; only src is built, "
        "no other directory's Makefile is run)")
    add("--suite", metavar="DIR", help="directory with suite.json, snippets/ and ref/ "
        "(default: the one of this script); tests/osmalloc: system calls of libosmalloc")
    add("--json", metavar="FILE", help="write the results as JSON")
    add("--junit", metavar="FILE", help="write the results as JUnit XML")
    add("--list", action="store_true", help="list the tests, their points and groups; run nothing")
    add("--update-refs", action="store_true", help="rewrite the references from the model")
    add("--doctor", action="store_true", help="check whether the harness can run here")
    return parser.parse_intermixed_args(argv)


def main(argv):
    """Run the command line `argv`; returns the exit status."""
    sys.stdout.reconfigure(errors="backslashreplace")
    temporary.exit_on_signals()
    try:
        return choose(options(argv))
    except HarnessError as error:
        print(f"run_tests: {error}", file=sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        print("run_tests: interrupted", file=sys.stderr)
        return INTERRUPTED


def choose(args):
    """Carry out the options; returns the exit status."""
    if args.doctor:
        return show_doctor()
    if args.suite and suite.holds_budgets(args.suite):
        with temporary.directory():
            return run_budgets(args)
    if args.update_refs:
        return update(args)
    tests = suite.load_suite(args.suite or suite.DEFAULT_ROOT)
    chosen = suite.select(tests, args.names)
    if args.list:
        return show_list(chosen)
    with temporary.directory():
        return run(args, tests, chosen)


def show_doctor():
    """--doctor: print each check, what it found, and the remedy if the check failed."""
    from .doctor import doctor
    findings = doctor()
    for name, good, detail, remedy in findings:
        print(f"{'ok ' if good else 'BAD'}  {name}: {detail}" + (f"; {remedy}" if remedy else ""))
    return 0 if all(good for _, good, _, _ in findings) else NOT_RUN


def show_list(tests):
    """--list: print a line for each test."""
    width = max(len(test.name) for test in tests)
    for test in tests:
        print(f"{test.name.ljust(width)}  {test.points:2d}  {test.group}")
    return 0


def update(args):
    """--update-refs: rewrite the references of the named tests, or of all."""
    from .spec import header_reads, oracle
    names = oracle.snippet_names(args.suite or suite.DEFAULT_ROOT)
    chosen = suite.expand(names, args.names) or None
    oracle.update_references(chosen, args.suite)
    header_reads.update(chosen, args.suite)
    return 0


def run(args, tests, chosen):
    """Run the chosen tests and print their results; returns the exit status."""
    from . import session
    from .feedback import report
    prepare(args)
    begin = time.monotonic()
    width = max(len(test.name) for test in tests)
    reporter = report.Reporter(sys.stdout, chosen, width, trace_text if args.verbose else None)
    try:
        outcomes = session.run_all(chosen, args, reporter.add)
    finally:
        reporter.erase_progress()
    seconds = time.monotonic() - begin
    print("\n" + report.total_line(outcomes, tests))
    if args.memory:
        from . import memcheck
        print(memcheck.summary(outcomes))
    found, looks = causes_of(outcomes, args.jobs)
    write_files(args, outcomes, seconds, found)
    explain_failures(args, outcomes, found, looks)
    return 0 if all(outcome.clean for outcome in outcomes) else FAILED


def prepare(args):
    """Report problems before any test runs: unwritable files, missing valgrind."""
    if args.json or args.junit:
        from .feedback import export
        export.check_writable(args.json, args.junit)
    if args.memory:
        from . import memcheck
        if not memcheck.available():
            from . import machine
            print("memory: valgrind is missing, so only leaks are found; " +
                  machine.install("valgrind"))


def run_budgets(args):
    """Run a suite of budgets (budgets.py) and print its results; the exit status."""
    from . import budgets
    for option in ("memory", "diff", "junit", "update_refs"):
        if getattr(args, option):
            raise HarnessError(f"--{option.replace('_', '-')} does not apply to budgets of system "
                               f"calls; leave it out")
    tests = budgets.load(args.suite)
    chosen = [test for test in tests if not args.names or
              test.name in suite.expand([test.name for test in tests], args.names)]
    if args.list:
        print(budgets.listing(chosen))
        return 0
    prepare(args)
    begin = time.monotonic()
    width = max(len(test.name) for test in tests)
    reporter = budgets.Lines(sys.stdout, chosen, width, budgets.detail if args.verbose else None)
    try:
        outcomes = budgets.run_all(chosen, args, reporter.add)
    finally:
        reporter.erase_progress()
    seconds = time.monotonic() - begin
    print("\n" + budgets.total_line(outcomes))
    if args.json:
        budgets.write_json(args.json, outcomes, seconds)
    for outcome in outcomes:
        if not outcome.passed:
            print("\n" + budgets.explain(outcome, again(args, outcome.test.name)), end="")
    return 0 if all(outcome.passed for outcome in outcomes) else FAILED


def trace_text(outcome):
    """-v: the normalised trace of a test."""
    from .feedback.report import printable
    return "\n".join(printable(line) for event in outcome.actual for line in event)


def causes_of(outcomes, jobs):
    """(causes.Found of a run, {name: rerun.Seen} of a second run of the programs that ended early).
    (None, {}) if tests failed only because the library lacks a function."""
    known = [outcome for outcome in outcomes if outcome.passed or not is_absent(outcome)]
    if all(outcome.passed for outcome in known):
        return None, {}
    from .feedback import causes, symptoms
    looks = symptoms.looks(known, jobs)
    return causes.find(known, looks=looks), looks


def is_absent(outcome):
    """Whether a test failed because the library lacks a function."""
    from .tracing.runner import NOT_DEFINED
    return outcome.reason.endswith(NOT_DEFINED)


def explain_failures(args, outcomes, found, looks):
    """Print why tests failed. The first few are explained in full, or all tests chosen by name."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    count_absent(failed)
    if not args.names:
        failed = [outcome for outcome in failed if not is_absent(outcome)]
    if not failed:
        return
    from .feedback import explain
    if found and not args.diff:
        show_causes(args, outcomes, found)
        if not args.names:
            failed = without_explained(failed, found)
    passed = [outcome for outcome in outcomes if outcome.passed]
    full = len(failed) if args.names else FULL_EXPLANATIONS
    for outcome in failed[:full]:
        print("\n" + "-" * explain.WIDTH)
        if args.diff:
            print(explain.comparison(outcome))
            continue
        seen = looks.get(outcome.test.name) or explain.second_look(outcome)
        print(explain.explain(outcome, again(args, outcome.test.name), passed, seen, found))
    if failed[full:]:
        print(f"{len(failed) - full} more failed; run one by name to see its explanation:")
        print("".join(f"  {outcome.test.name}: {outcome.reason}\n" for outcome in failed[full:])
              + f"    {again(args, 'NAME')}")


def without_explained(failed, found):
    """The failures that no printed cause explains; prints the number of the others."""
    left = [outcome for outcome in failed if not found.of(outcome.test.name)[1]]
    if len(left) < len(failed):
        few = "1 failure is" if len(failed) - len(left) == 1 else \
            f"{len(failed) - len(left)} failures are"
        print(f"\n{few} explained above; run a test by name to see its first difference.")
    return left


def show_causes(args, outcomes, found):
    """Print the causes of the failures, and the total by cause."""
    from . import points
    from .feedback import causetext
    print("\n" + causetext.text(found, bool(args.names)))
    if any(cause.proved for cause in found.causes):
        most = suite.load_scheme(args.suite or suite.DEFAULT_ROOT).cause_points
        earned = points.earned_by_cause(found, outcomes, most)
        _, possible = points.earned_and_possible(outcomes)
        print(f"\nTotal by cause: {earned}/{possible}: counts only if your course says so. Then a "
              f"mistake costs at most\n{most} points, however many programs it fails.")


def count_absent(failed):
    """Print, for each function that the library lacks, how many tests fail because of it."""
    absent = collections.Counter(outcome.reason for outcome in failed if is_absent(outcome))
    for reason, count in absent.items():
        tests = "1 test fails" if count == 1 else f"{count} tests fail"
        print(f"\n{reason}: {tests} for that reason.")


def again(args, name):
    """The command that reruns one test with the same options in the same directory."""
    script = min(str(SCRIPT), os.path.relpath(SCRIPT), key=len)
    words = ["python3", script, name]
    for option in ("library", "suite"):
        if getattr(args, option):
            words += [f"--{option}", getattr(args, option)]
    if args.timeout != DEFAULT_TIMEOUT:
        words += ["--timeout", f"{args.timeout:g}"]
    return shlex.join(words + (["-m"] if args.memory else []))


def write_files(args, outcomes, seconds, found):
    """Write the files of --json and --junit."""
    if not (args.json or args.junit):
        return
    from .feedback import export
    if args.json:
        most = suite.load_scheme(args.suite or suite.DEFAULT_ROOT).cause_points
        export.write_json(args.json, outcomes, seconds, found, most)
    if args.junit:
        export.write_junit(args.junit, outcomes, seconds)
