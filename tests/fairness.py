# SPDX-License-Identifier: BSD-3-Clause
"""What one mistake costs: which programs of the suite fail on a wrong allocator, by prediction.

    python3 -m tests.fairness            a line for each mistake: points by program and by cause,
                                         rule, failed programs
    python3 -m tests.fairness --write    the same as the table in docs/grading.md

A program fails if its trace differs from its reference, or if one of its own checks fails. The
first is known without a run; for the second the program runs on the oracle with the mistake in it.
Without -v only the first programs are named. Exit status: 0.
"""

import argparse
import re
import sys
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import SimpleNamespace

from tests.harness import build, compare, points, suite
from tests.harness.feedback import causes, hints, replays, suspects
from tests.harness.spec import oracle
from tests.harness.spec.mistakes import MISTAKES
from tests.harness.session import build_directory

NAMED = 6       # failed programs in a line without -v
DOCS = build.ROOT / "docs/grading.md"
BEGIN, END = "<!-- begin: written by tests/fairness.py -->", "<!-- end -->"


def predicted(tests, references, mistakes):
    """{mistake: Outcomes of all programs on a library with it}, in the suite's order.

    `references` is {name: events}.
    """
    with tempfile.TemporaryDirectory() as place:
        oracle.build_stand_in(Path(place))
        programs = dict(zip(references, build.build_programs(
            [test.c_file for test in tests], place, build_directory(suite.DEFAULT_ROOT))))
        with ThreadPool() as pool:
            pairs = [(mistake, test) for mistake in mistakes for test in tests]
            shown = pool.starmap(
                lambda mistake, test: outcome(mistake, test, references[test.name],
                                              programs[test.name], place), pairs)
    return {mistake: [made for (one, _), made in zip(pairs, shown) if one is mistake]
            for mistake in mistakes}


def outcome(mistake, test, events, program, place):
    """The Outcome of a built program on an allocator with this mistake."""
    actual, check = events, ""
    if mistake in MISTAKES and not hints.reproduces(mistake, events, events):
        actual, check = checked(mistake, test, events)
    elif mistake not in MISTAKES or suspects.looks_the_same(mistake, events[:-1]):
        session = suspects.with_model(mistake) if mistake in MISTAKES else mistake
        stopped = suspects.stops(program, Path(place), session)
        if stopped:
            actual, check = [*stopped[0], ("killed(SIGILL)",)], stopped[1]
    difference = compare.first_difference(events, actual)
    trace = SimpleNamespace(signal="SIGILL" if check else None, open_call=None)
    run = SimpleNamespace(comparable=True, stderr=check.encode() + b"\n", trace=trace)
    reason = check or difference and difference.sentence() or ""
    return compare.Outcome(test, events, actual, run, 0.0, difference, reason)


def checked(mistake, test, events):
    """(events that a program makes on a wrong allocator, the check that fails behind them)."""
    actual = replays.trace_of({mistake}, events)
    wrong = replays.first_wrong_header({mistake}, test.headers, events, actual)
    if not wrong:
        return without_memory(events, actual)
    made, said = wrong
    return [*events[:made], ("killed(SIGILL)",)], f"{test.name}.c:1: {said}"


def without_memory(events, actual):
    """(events of a wrong allocator up to the first call that has no memory where the reference
    has, what the program says there before it stops itself), or all of them and ""."""
    for index, (wanted, event) in enumerate(zip(events, actual)):
        if event[-1] == compare.NO_MEMORY != wanted[-1]:
            return [*actual[:index + 1], ("killed(SIGILL)",)], "snippet.c:1: no memory"
    return actual, ""


def costs(mistakes=(*MISTAKES, *suspects.CONTENTS)):
    """{mistake: (points that it costs by program, by cause, names of the programs that fail)} for
    this tree's suite, without partial credit."""
    tests = suite.load_suite()
    most, whole = suite.load_scheme().cause_points, sum(test.points for test in tests)
    made = {}
    for mistake, outcomes in predicted(tests, suite.read_references(tests), mistakes).items():
        earned = points.earned_by_cause(causes.find(outcomes), outcomes, most)
        made[mistake] = (whole - sum(one.earned for one in outcomes), whole - earned,
                         [one.test.name for one in outcomes if not one.passed])
    return made


def table(found):
    """The table of docs/grading.md, from what costs() gave."""
    rows = [f"| {mistake.rule} | {mistake.__doc__} | {len(names)} | {by_program} | {by_cause} |"
            for mistake, (by_program, by_cause, names) in dearest_first(found)]
    return "\n".join(["| rule | the library | failed programs | by program | by cause |",
                      "| --- | --- | ---: | ---: | ---: |", *rows])


def dearest_first(found):
    """The entries of costs(), those that cost most first."""
    return sorted(found.items(), key=lambda item: (-item[1][0], item[0].rule, item[0].__name__))


def with_table(text, found):
    """The text of docs/grading.md with the table in its place."""
    return re.sub(f"(?<={BEGIN}\n\n).*?(?=\n\n{END})", lambda _: table(found), text,
                  flags=re.DOTALL)


def main(argv):
    """Print what each mistake costs, the dearest first."""
    parser = argparse.ArgumentParser(prog="fairness.py", description=__doc__.split("\n")[0])
    parser.add_argument("-v", "--verbose", action="store_true", help="name every failed program")
    parser.add_argument("--write", action="store_true", help="write the table in docs/grading.md")
    options = parser.parse_args(argv)
    most = None if options.verbose else NAMED
    found = costs()
    if options.write:
        DOCS.write_text(with_table(DOCS.read_text(encoding="utf-8"), found), encoding="utf-8")
    for mistake, (by_program, by_cause, names) in dearest_first(found):
        shown = " ".join(name.removeprefix("test-") for name in names[:most])
        print(f"{by_program:3} {by_cause:3} {mistake.rule:3} {mistake.__name__:30} {shown}"
              + " ..." * (len(names) > len(names[:most])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
