# SPDX-License-Identifier: BSD-3-Clause
"""Count the system calls of programs on libosmalloc, phase by phase, and compare with budgets.

A suite of budgets is a directory with files `NAME.c` and a `suite.json` with `"kind": "budgets"`.
Its member `tests` lists the phases of each program, in order:

    "NAME": [{"phase": "start", "most": {"mmap": 4}, "why": "..."}, ...]

The phase `start` begins with main; a call of the program's function phase_NAME() begins the phase
NAME (budget.h). Only these functions have breakpoints, so the allocator runs at full speed. A
system call that `most` does not name has a budget of 0; only those in ALLOWED can have another.
Before main only the loader may make system calls, and after main only exit_group is allowed.
"""

import dataclasses
import json
import re
import time
from collections import Counter
from pathlib import Path

from . import build, members, session
from .tracing import runner, trace
from .feedback.report import Reporter, first_lines, indented, one_line

ALLOWED = ("brk", "futex", "madvise", "mmap", "mremap", "munmap")
BEFORE, FIRST, AFTER = "before main", "start", "after main"
ENDING = "exit_group"
PHASE = re.compile(rf"phase_(\w+)\({trace.ARGS}{trace.END}")
MOST_CALLS = 10 ** 6    # that a budget can allow
ENTRY = members.members({    # of a phase
    "phase": members.text, "why": members.text,
    "most": members.members(dict.fromkeys(ALLOWED, members.whole(MOST_CALLS))),
}, needed=("phase", "most", "why"))
MOST_STDERR = 10        # lines of a program's stderr that are shown


class Parser(trace.Parser):
    """A parser that collects the system calls of each phase."""

    def __init__(self):
        super().__init__()
        self.trace.phases = [Phase(BEFORE)]

    def is_event(self, call):
        """Whether a system call counts. Those of the loader and exit_group do not."""
        counts = call.name != ENDING if self.trace.main_seen else super().is_event(call)
        if counts:
            self.trace.phases[-1].calls.append(call.name)
        return counts

    def take_main(self, args, result):
        """The program enters main: the phase `start` begins."""
        super().take_main(args, result)
        self.trace.phases.append(Phase(FIRST))

    def take_phase(self, name, _args, result):
        """phase_NAME() was called: the phase NAME begins. The call stays on the stack if its line
        has no result, because another thread was traced before it returned."""
        self.trace.phases.append(Phase(name))
        if result is None:
            self.stack.append(f"phase_{name}")

    def take_resumed(self, name, result):
        """A call returns. The return of main begins the phase AFTER."""
        super().take_resumed(name, result)
        if name == "main":
            self.trace.phases.append(Phase(AFTER))

    KINDS = ((PHASE, take_phase), (trace.MAIN, take_main), (trace.RESUMED, take_resumed),
             *trace.Parser.KINDS)


SUBJECT = runner.Subject(build.OSMALLOC, "main@MAIN+phase_*@MAIN",
                         lambda text: trace.parse(text, Parser()), fixed_addresses=True)


@dataclasses.dataclass
class Phase:
    """A phase of a program's run: its name, and the names of its system calls in order."""

    name: str
    calls: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Budget:
    """The most calls that a phase may make, {system call: number}, and the reason."""

    phase: str
    most: dict
    why: str


@dataclasses.dataclass(frozen=True)
class Test:
    """One program and the budgets of its phases."""

    name: str
    c_file: Path
    budgets: tuple


@dataclasses.dataclass(frozen=True)
class Excess:
    """A system call that exceeded its budget in a phase. `place`: the index, from 1, of the first
    excess call among all system calls of the phase."""

    budget: Budget
    call: str
    count: int
    place: int

    def sentence(self):
        """A sentence: the phase, the call, its number and its budget."""
        most = self.budget.most.get(self.call, 0)
        allowed = f"{most} allowed" if self.call in ALLOWED else \
            f"only {', '.join(ALLOWED)} are allowed"
        return (f"phase {self.budget.phase}: {self.call} was called {times(self.count)}, {allowed};"
                f" the first call over budget is system call {self.place} of the phase")


@dataclasses.dataclass
class Outcome:
    """The result of one program. `reason`: one sentence, "" if no budget was exceeded."""

    test: Test
    run: runner.Run
    phases: list            # of Phase, as far as the program came
    excesses: list          # of Excess
    reason: str
    seconds: float
    memory: tuple = ()      # always empty; Reporter reads both
    remarks: tuple = ()

    @property
    def passed(self):
        """Whether the program passed."""
        return not self.reason


class Lines(Reporter):
    """A Reporter without points."""

    def points(self, _outcome):
        """Budgets give no points: ""."""
        return ""


def load(root):
    """All tests of the suite in directory `root`, in order. HarnessError if it is damaged."""
    root = Path(root)
    path = root / "suite.json"
    tests = [Test(name, root / f"{name}.c", tuple(map(budget_from, phases)))
             for name, phases in members.load(path, check)["tests"].items()]
    missing = [test.c_file for test in tests if not test.c_file.is_file()]
    if missing:
        raise build.HarnessError(f"there is no {missing[0]}; restore it, or take it from {path}")
    return tests


def check(data):
    """Check that the object in a suite.json is a suite of budgets; raises Wrong if it is not."""
    tests = data.get("tests") if isinstance(data, dict) else None
    entries = members.list_of(ENTRY)
    members.members({"kind": members.text, "comment": members.anything, "tests": members.members(
        dict.fromkeys(tests if isinstance(tests, dict) else (), entries))}, ("tests",))(data)
    members.check_file_names(tests)


def budget_from(entry):
    """The Budget in one entry of suite.json."""
    return Budget(entry["phase"], entry["most"], entry["why"])


def run_all(tests, args, took):
    """Run `tests` with the options `args`: their outcomes, in order. `took`: see session.each()."""
    library = session.library_directory(args.library, build.OSMALLOC)
    programs = build.build_programs([test.c_file for test in tests], library,
                                    session.build_directory(args.suite), args.jobs, build.OSMALLOC)
    build.build_guard()

    def one(test, program):
        return grade(test, program, library, args.timeout)

    return session.each(tests, programs, one, args.jobs, took)


def grade(test, program, library, timeout):
    """Run a built program and count its system calls: an Outcome."""
    begin = time.monotonic()
    run = runner.run_traced(program, library, timeout=timeout, subject=SUBJECT)
    seconds = time.monotonic() - begin
    phases = run.trace.phases if run.trace else []
    excesses = [excess for pair in zip(expected_budgets(test), phases)
                for excess in excesses_of(*pair)]
    reason = one_line(why_failed(test, run, phases, excesses))
    return Outcome(test, run, phases, excesses, reason, seconds)


def expected_budgets(test):
    """The budgets of all phases, including those before and after main."""
    return [Budget(BEFORE, {}, "nothing allocates before main"), *test.budgets,
            Budget(AFTER, {}, "nothing runs at exit")]


def excesses_of(budget, phase):
    """An Excess for each system call that exceeded its budget in a phase, ordered by `place`."""
    places = {}
    for place, call in enumerate(phase.calls, 1):
        places.setdefault(call, []).append(place)
    found = [Excess(budget, call, len(taken), taken[budget.most.get(call, 0)])
             for call, taken in places.items() if len(taken) > budget.most.get(call, 0)]
    return sorted(found, key=lambda excess: excess.place)


def why_failed(test, run, phases, excesses):
    """One sentence on why a run failed, "" if it passed."""
    if not run.comparable or run.reason:
        return "; ".join([run.reason, *[excess.sentence() for excess in excesses[:1]]])
    if run.code:
        said = first_lines(run.stderr.splitlines(), 1)
        return ": ".join([f"exited with status {run.code}", *said])
    names = [phase.name for phase in phases]
    expected = [budget.phase for budget in expected_budgets(test)]
    if names != expected:
        return f"went through the phases {', '.join(names)}; suite.json has {', '.join(expected)}"
    return excesses[0].sentence() if excesses else ""


def explain(outcome, again):
    """The whole explanation of one failed program as text; `again` is the command to rerun it."""
    lines = [f"{outcome.test.name}: {outcome.reason}"]
    for excess in outcome.excesses:
        if excess.sentence() != outcome.reason:
            lines.append("  " + excess.sentence())
        lines.append(f"  the budget: {counted(excess.budget.most)}; {excess.budget.why}")
    said = first_lines(outcome.run.stderr.splitlines(), MOST_STDERR)
    if said:
        lines += ["It said on stderr:", indented(said)]
    return "\n".join([*lines, "Run it again:", f"  {again}"]) + "\n"


def counted(calls):
    """Calls as text: `madvise 3, mmap 4`, or `none`."""
    return ", ".join(f"{call} {count}" for call, count in sorted(calls.items()) if count) or "none"


def detail(outcome):
    """-v: the calls and the budget of each phase."""
    budgets = {budget.phase: budget for budget in expected_budgets(outcome.test)}
    return "\n".join(f"{phase.name}: {counted(Counter(phase.calls))} "
                     f"(allowed: {counted(budgets[phase.name].most)})"
                     for phase in outcome.phases if phase.name in budgets)


def listing(tests):
    """--list: the phases of each program and their budgets."""
    return "\n".join(f"{test.name}  {budget.phase}: {counted(budget.most)}"
                     for test in tests for budget in test.budgets)


def total_line(outcomes):
    """The last line of a run."""
    kept = sum(outcome.passed for outcome in outcomes)
    return f"{kept} of {len(outcomes)} programs kept their budgets of system calls"


def write_json(path, outcomes, seconds):
    """Write results as JSON: "passed", "failed", "seconds", and in "tests" for each program "name",
    "passed", "reason", "seconds" and "phases", each with "phase", "calls" and "most" by name."""
    from .feedback.export import write_text      # imported late: needed with --json only
    passed = sum(outcome.passed for outcome in outcomes)
    document = {"passed": passed, "failed": len(outcomes) - passed, "seconds": round(seconds, 3),
                "tests": [record(outcome) for outcome in outcomes]}
    write_text(path, json.dumps(document, indent=2) + "\n")


def record(outcome):
    """One member of `tests` in the JSON document."""
    phases = [{"phase": phase.name, "calls": Counter(phase.calls), "most": budget.most}
              for budget, phase in zip(expected_budgets(outcome.test), outcome.phases)]
    return {"name": outcome.test.name, "passed": outcome.passed, "reason": outcome.reason,
            "seconds": round(outcome.seconds, 4), "phases": phases}


def times(count):
    """A count as text: `once`, `3 times`."""
    return "once" if count == 1 else f"{count} times"
