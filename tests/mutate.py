# SPDX-License-Identifier: BSD-3-Clause
"""Makes mistakes in the library on purpose, one at a time, and shows that the tests notice.

The mistakes ("mutants") are listed in tests/mutants.txt. Each is built in a copy of the tree and
run against the tests: random sequences and traced programs, and if neither of them notices, the
dearer ones until one does. A mutant that is noticed is killed.

Exit status: 0 all killed, 1 a mutant survived, no longer applies or does not build, 2 cannot run.
"""

import argparse
import contextlib
import fnmatch
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from tests.harness.generated import random_calls, replay
from tests.harness.spec import sequences

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests/mutants.txt"
SEED = "mutants"
SEQUENCES = 3000        # random sequences each mutant meets at most
SHRINK_BUDGET = 1500    # runs to make the sequence that killed one shorter
LONGEST_SHOWN = 90      # characters of a sequence
SECONDS = 300           # the longest that a command with tests may take
TIMEOUT = "timeout"     # the exit status of one that took longer
ATTEMPTS = 3            # to run a command that fails although no test of it does

# The name of a failed test in the output of a command.
TRACED_FAILURE = r"^(\S+) +\.+ failed"
PYTEST_FAILURE = r"^(?:FAILED|ERROR) tests/test_\w+\.py::(\S+)"

# What the copy of the tree leaves out.
LEFT_OUT = shutil.ignore_patterns(".git", "build", "__pycache__", ".hypothesis", "*.[oa]", "*.so",
                                  "results")

# name, rules broken (a list), what the library does wrong; edits: [(file of src/, old, new)]
Mutant = namedtuple("Mutant", "name rules what edits")

# killers: which tests noticed -> the first of them that failed; {} for a survivor.
# fault: why it could not be tried, else "".
Verdict = namedtuple("Verdict", "mutant killers fault", defaults=[""])


class MutateError(Exception):
    """The run is impossible: str(e) is one line, cause and remedy."""


class NotApplicable(Exception):
    """A mutant does not fit the source any more: str(e) says why."""


# ---- the table of mutants -------------------------------------------------------------------

def read_table(text):
    """The mutants in the text of a table, whose first comment says how it is written."""
    entries = re.split(r"\n\s*\n", re.sub(r"^#.*\n", "", text, flags=re.M).strip())
    return [read_entry(entry.splitlines()) for entry in entries]


def read_entry(lines):
    """The mutant in the lines of one entry. MutateError names the entry that cannot be read."""
    head = re.fullmatch(r"\[([a-z0-9-]+)\]((?: [A-Z]\d)+)", lines[0])
    if not head or len(lines) < 5:
        raise MutateError(f"mutants.txt: not an entry: {lines[0]}; its first lines say what is")
    edits, file = [], None
    for line in lines[2:]:
        mark, rest = line[:1], line[2:]
        if mark == "-" and edits and edits[-1][0] == file and not edits[-1][2]:
            edits[-1][1].append(rest)
        elif mark == "-":
            edits.append((file, [rest], []))
        elif mark == "+" and edits:
            edits[-1][2].append(rest)
        elif re.fullmatch(r"\w+\.[ch]:", line):
            file = line[:-1]
        else:
            raise MutateError(f"mutants.txt: {head[1]}: cannot read the line {line!r}; mend it")
    return Mutant(head[1], head[2].split(), lines[1],
                  [(name, "\n".join(old), "\n".join(new)) for name, old, new in edits])


def pattern_of(old):
    """Matches the text with any white space between its words."""
    return re.compile(r"\s+".join(map(re.escape, old.split())))


def apply(mutant, source):
    """The changed files of a mutant: {name: text}. source(name) gives a file's text."""
    changed = {}
    for name, old, new in mutant.edits:
        text = changed.get(name) or source(name)
        found = list(pattern_of(old).finditer(text))
        if len(found) != 1:
            raise NotApplicable(f"{name} has {len(found)} times: {' '.join(old.split())}")
        changed[name] = text[:found[0].start()] + new + text[found[0].end():]
    return changed


# ---- a tree to make mistakes in -------------------------------------------------------------

class Tree:
    """A copy of the repository whose library gets the mistakes."""

    def __init__(self, place):
        self.root = Path(place) / "tree"
        shutil.copytree(ROOT, self.root, ignore=LEFT_OUT)
        self.library = self.root / "src"
        replay.set_constants(self.library / "config.h", replay.SMALL_CELLS)
        self.build()

    def build(self):
        """Bring the library up to date. NotApplicable with the compiler's first complaint."""
        done = subprocess.run(["make", "-s", "-C", str(self.library), "CFLAGS=-O1 -w"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            raise NotApplicable(f"does not build: {(errors or ['make failed'])[0]}")

    @contextlib.contextmanager
    def mistaken(self, mutant):
        """The library has this mistake for as long as the block runs."""
        changed = apply(mutant, lambda name: (self.library / name).read_text())
        right = {name: (self.library / name).read_text() for name in changed}
        try:
            for name, text in changed.items():
                (self.library / name).write_text(text)
            self.build()
            yield
        finally:
            for name, text in right.items():
                (self.library / name).write_text(text)

# ---- killers: each says what noticed, "" if nothing did --------------------------------------


class Sequences:
    """Random sequences of calls, the same for each mutant, held against the model."""

    name = "random sequences"

    def __init__(self, tree, count):
        self._library = tree.library
        self._program, _ = replay.build(tree.library, tree.root / "tests/build/replay")
        rng = random.Random(SEED)
        made = (random_calls.make(rng, number) for number in range(1, count + 1))
        self._expected = [(operations, replay.finish(lines, player, True))
                          for operations, player, lines in made]

    def kill(self):
        """Shows the first sequence that diverges, shrunk."""
        try:
            with self._driver() as driver:
                number = self._first_divergence(driver)
                if number is None:
                    return ""
            operations = self._shrunk(number)
            text = sequences.text_of(operations)
            return f"`{text}`" if len(text) <= LONGEST_SHOWN else f"{len(operations)} operations"
        except replay.Divergence as divergence:
            return f"any: {divergence}"
        except (replay.ReplayError, BrokenPipeError):
            return "any: the driver crashes"

    def _driver(self):
        return replay.Replay(self._program, self._library)

    def _first_divergence(self, driver):
        """The number of the first sequence with a wrong answer; None if all are right."""
        sent = looked_at = 0
        while looked_at < len(self._expected):
            while sent < len(self._expected):
                text = sequences.text_of(self._expected[sent][0])
                if not driver.has_room(text):
                    break
                driver.send(text)
                sent += 1
            if driver.answer() != self._expected[looked_at][1]:
                return looked_at
            looked_at += 1
        return None

    def _shrunk(self, number):
        """What is left of the sequence when it may not be made simpler; all of it if it hangs."""
        operations = self._expected[number][0]
        with self._driver() as driver:
            def fails(candidate):
                return replay.diverges(driver, candidate)
            driver.send(sequences.text_of(operations))
            if f"signal {int(signal.SIGALRM)}" in driver.answer():
                return operations
            return sequences.shrink(operations, fails, SHRINK_BUDGET)


class Command:
    """Tests run by a command in the tree, which fails if one of them does."""

    def __init__(self, tree, name, arguments, failure):
        """failure  matches the name of a failed test in what the command prints"""
        self.name = name
        self._tree = tree
        self._arguments = [sys.executable, *arguments]
        self._failure = re.compile(failure, re.M)

    def kill(self):
        """Names the first test that failed."""
        for _ in range(ATTEMPTS):
            status, output = self._run()
            failed = self._failure.findall(output)
            if status == TIMEOUT:
                return "no end"
            if status == 0:
                return ""
            if failed:
                more = f" and {len(failed) - 1} more" if failed[1:] else ""
                return f"`{failed[0]}`{more}"
        raise MutateError(f"{self.name} could not run: {output.strip().splitlines()[-1:]}; "
                          f"try python3 {' '.join(self._arguments[1:])}")

    def _run(self):
        """(exit status or TIMEOUT, output) of the command, which leaves no process behind."""
        with subprocess.Popen(self._arguments, cwd=self._tree.root, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True) as running:
            try:
                output = running.communicate(timeout=SECONDS)[0]
                return running.returncode, output
            except subprocess.TimeoutExpired:
                return TIMEOUT, ""
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)


def pytest_file(tree, name):
    """A file of pytest tests, up to the first that fails."""
    return Command(tree, f"test_{name}.py", ["-m", "pytest", "-q", "-x", f"tests/test_{name}.py"],
                   PYTEST_FAILURE)


def make_killers(tree, count):
    """All killers in groups; a later group is for those that the earlier ones leave alive."""
    return [
        [Sequences(tree, count),
         Command(tree, "traced programs", ["tests/run_tests.py"], TRACED_FAILURE)],
        [pytest_file(tree, "misuse")],
        [pytest_file(tree, "random")],
        [pytest_file(tree, "failures")],
        [pytest_file(tree, "stress")],
    ]


# ---- running --------------------------------------------------------------------------------

def judge(mutant, tree, groups):
    """The Verdict on one mutant."""
    try:
        with tree.mistaken(mutant):
            for group in groups:
                evidence = {killer.name: killer.kill() for killer in group}
                killers = {name: found for name, found in evidence.items() if found}
                if killers:
                    return Verdict(mutant, killers)
            return Verdict(mutant, {})
    except NotApplicable as reason:
        return Verdict(mutant, {}, str(reason))


def expect_peace(tree, groups):
    """MutateError if the tests fail without any mistake: then they prove nothing."""
    tree.build()
    for killer in (killer for group in groups for killer in group):
        evidence = killer.kill()
        if evidence:
            raise MutateError(f"{killer.name} fail without any mutant: {evidence}; mend that first")


def fate(verdict):
    """What became of a mutant, in words."""
    if verdict.fault:
        return f"NOT TRIED: {verdict.fault}"
    killers = (f"{name}: {evidence}" for name, evidence in verdict.killers.items())
    return "; ".join(killers) or "SURVIVED"


def show(verdict):
    """Print a mutant's line."""
    print(f"{verdict.mutant.name:30} {' '.join(verdict.mutant.rules):9} {fate(verdict)}",
          flush=True)


def summary(verdicts):
    """One sentence about all verdicts."""
    names = [name for verdict in verdicts for name in verdict.killers]
    killed = sum(bool(verdict.killers) for verdict in verdicts)
    parts = ", ".join(f"{names.count(name)} by {name}" for name in dict.fromkeys(names))
    return f"{len(verdicts)} mutants, {killed} killed" + (f": {parts}" if parts else "")


MARKDOWN = """# Mistakes that the tests notice

This page is for people who change the library or its tests: what the tests would notice.

Each row is a mistake that was made in the library's source on purpose, one at a time:
{summary}.

All were run against random sequences of calls that are compared with the model (the column shows
the first that differs, shortened, in the notation of `tests/random_calls.py --replay`), and against
the traced programs (the first that fails, and how many more do). Those that neither notices went to
the pytest tests of misuse, of refused system calls, of threads, of forks, and of other users of the
break, until one failed. The mistakes are in `tests/mutants.txt`; `make mutants` tries all of them
again and writes this table.

| Mistake | Rules | The library ... | Random sequence | Traced programs | Other tests |
|---|---|---|---|---|---|
"""


def markdown(verdicts):
    """docs/mutants.md."""
    return MARKDOWN.format(summary=summary(verdicts)) + "".join(map(markdown_row, verdicts))


def markdown_row(verdict):
    """A mutant's line in the table."""
    found = dict(verdict.killers)
    cells = [found.pop("random sequences", "-"), found.pop("traced programs", "-"),
             ", ".join(found.values()) or ("-" if verdict.killers else fate(verdict))]
    return (f"| {verdict.mutant.name} | {' '.join(verdict.mutant.rules)} | {verdict.mutant.what} | "
            + " | ".join(cells) + " |\n")


def read_arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", help="mutants, or patterns; default: all")
    parser.add_argument("--list", action="store_true", help="list the mutants, try none")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there as well")
    parser.add_argument("--sequences", type=int, default=SEQUENCES, metavar="N",
                        help="random sequences for each mutant at most (default: %(default)d)")
    return parser.parse_args(argv)


def select(mutants, names):
    """The mutants that a name or pattern matches, all if there are no names."""
    for name in names:
        if not fnmatch.filter([mutant.name for mutant in mutants], name):
            raise MutateError(f"there is no mutant {name}; --list shows them")
    return [mutant for mutant in mutants
            if not names or any(fnmatch.fnmatch(mutant.name, name) for name in names)]


def run(mutants, count):
    """The Verdicts on all mutants, printed one by one."""
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="osmem-mutants-") as place:
        os.chmod(place, 0o755)
        tree = Tree(place)
        killers = make_killers(tree, count)
        expect_peace(tree, killers)
        for mutant in mutants:
            verdicts.append(judge(mutant, tree, killers))
            show(verdicts[-1])
    print(summary(verdicts))
    return verdicts


def main(argv=None):
    """Exit status of the command."""
    arguments = read_arguments(argv)
    try:
        mutants = select(read_table(TABLE.read_text()), arguments.names)
        if arguments.list:
            print("\n".join(f"{mutant.name:30} {' '.join(mutant.rules):9} {mutant.what}"
                            for mutant in mutants))
            return 0
        verdicts = run(mutants, arguments.sequences)
        if arguments.markdown:
            Path(arguments.markdown).write_text(markdown(verdicts))
        return 0 if all(verdict.killers for verdict in verdicts) else 1
    except (MutateError, NotApplicable, replay.ReplayError) as error:
        print(f"mutate.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
