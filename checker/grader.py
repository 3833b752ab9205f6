# SPDX-License-Identifier: BSD-3-Clause
"""Grade one submission: build it by our own rules, trace it, lint it, all in the sandbox.

A submission is C that somebody else wrote. Only what intake.py takes of it is copied, to a fresh
directory; sandbox.py is where compilers, linters and programs run.
"""

import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import intake
import lint
import style
import tree
from result import (FAILED, PARTIAL, PASSED, REFUSED, SKIPPED, TOTAL, Result, Verdict,
                    share_out)

ROOT = tree.ROOT
tree.add_harness()
from harness import build, explain, grade, sandbox, shadow, suite, trials  # noqa: E402
from harness.build import HarnessError  # noqa: E402
from harness.report import indented, printable  # noqa: E402
from harness.session import build_directory  # noqa: E402
from harness.trace import Call  # noqa: E402

BUILD_SECONDS = 60              # wall time of one compiler or linter run
RUN_SECONDS = 20.0              # wall time of one program; the processor time has its own limit
TRACE_MOST = 2 << 20            # bytes of one program's trace; those of the suite have a tenth
MOST_HUNG = 8                   # programs that may hang before the rest is not run
BUILD_FLAGS = ["-std=gnu11", "-O2", "-g", "-fPIC", "-pthread"]
FINDINGS_SHOWN = 20             # of each kind
REFUSALS = """\
The system refuses something here: memory, between l and b, or munmap, from u on. A call with !
behind it meets that: it has to return NULL with errno = ENOMEM and to leave every block as it was
(B1)."""


class CannotGrade(Exception):
    """The grader itself cannot work: str(e) is cause and remedy in one line."""


@dataclass(frozen=True)
class Settings:
    """What is asked for; equal settings give the same submission the same mark.

    seed  the random sequences are made from it; no part of the mark if `seeds` is 0
    """

    suite: str = ""             # directory of the suite, "" for this repository's
    seeds: int = 0
    seed: int = 0
    faults: bool = False
    style: bool = True
    build_seconds: int = BUILD_SECONDS


@contextlib.contextmanager
def alone():
    """Held while the grader's own programs are built: many commands may begin at once."""
    build.make_directory(build.BUILD)
    with open(build.BUILD / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Course:
    """What all submissions of a run are graded with."""

    def __init__(self, settings):
        root = Path(settings.suite or suite.DEFAULT_ROOT)
        self.settings = settings
        self.tests = suite.load_suite(root)
        self.scheme = suite.load_scheme(root)
        self.references = suite.read_references(self.tests)
        with alone():
            library = build.build_library()     # programs are linked with it by name only
            built = build.build_programs([test.c_file for test in self.tests], library,
                                         build_directory(root))
            self.player = trials.program()
            build.build_guard()
        self.programs = dict(zip((test.name for test in self.tests), built))
        made = self.make_trials() if settings.seeds else {"seed": [], "twin": {}}
        self.seeds, self.twins = made["seed"], made["twin"]
        self.faults = trials.fault_trials() if settings.faults else []

    def make_trials(self):
        """The random sequences and twins; made once for a seed and a suite."""
        key = json.dumps([self.settings.seeds, self.settings.seed, self.references, trials.VERSION])
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        path = build.BUILD / f"trials-{name}.json"
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            twins = trials.twin_trials(self.references, self.settings.seed)
            seeds = trials.seed_trials(self.settings.seeds, self.settings.seed)
            made = {"seed": [asdict(trial) for trial in seeds],
                    "twin": {name: asdict(trial) for name, trial in twins.items()}}
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(made), encoding="utf-8")
            part.replace(path)
        return {"seed": [trials.from_record(record) for record in made["seed"]],
                "twin": {name: trials.from_record(record)
                         for name, record in made["twin"].items()}}

    def fingerprint(self):
        """A number that changes when the settings or the suite do: marks could change as well."""
        sources = [ROOT / f"checker/{name}.py" for name in ("grader", "intake", "style", "lint")]
        sources += sorted((ROOT / "tests/harness").glob("*.[cph]*")) + [ROOT / ".checkpatch.conf"]
        sources += [path for test in self.tests for path in (test.c_file, test.ref_file)]
        sources += sorted(path for path in (ROOT / "utils").glob("*.[ch]"))
        sources.append(Path(self.settings.suite or suite.DEFAULT_ROOT) / "suite.json")
        sha = hashlib.sha256(json.dumps(asdict(self.settings)).encode())
        for path in sources:
            sha.update(path.read_bytes())
        return sha.hexdigest()

    def planned(self):
        """All tests but style, in order: (name, group, needs, hidden, weight)."""
        scheme = self.scheme
        plan = [(test.name, test.group, (*scheme.needs(test.group), *test.needs),
                 test.hidden or scheme.hidden(test.group), test.points) for test in self.tests]
        for group, chosen in (("seeds", self.seeds), ("faults", self.faults)):
            plan += [(trial.name, group, scheme.needs(group), scheme.hidden(group),
                      scheme.points(group) / len(chosen)) for trial in chosen]
        return plan


# ---- one submission ----------------------------------------------------------------------------

class Grading:
    """The grading of one submission, in a directory of its own."""

    def __init__(self, course, box, workspace, jobs):
        self.course = course
        self.box = box
        self.jobs = jobs
        self.user = sandbox.new_user()
        self.place = Path(workspace)
        self.utils = self.place / "utils"
        self.sources = []
        self.hung = {}          # place of a test in the plan -> whether it hung
        self.trials = {trial.name: trial for trial in (*course.seeds, *course.faults)}
        self.by_name = {test.name: test for test in course.tests}

    def prepare(self, taken):
        """Copy the sources and the headers that they are built with."""
        os.chmod(self.place, 0o755)
        if self.box.has("user") and not self.box.has("bubblewrap"):
            closed = [path for path in self.place.parents if not path.stat().st_mode & 1]
            if closed:
                raise CannotGrade(f"{closed[0]} is closed to the sandbox's users; "
                                  "set TMPDIR to a directory that everybody can enter")
        shutil.copytree(ROOT / "utils", self.utils, ignore=shutil.ignore_patterns("*.o", "*.d"))
        for path, data in taken.files.items():
            target = self.place / "src" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        for name in ("objects", "library"):
            (self.place / name).mkdir()
        if self.box.has("user"):
            os.chown(self.place / "objects", self.user, self.user)
        self.sources = [self.place / "src" / path for path in sorted(taken.files)
                        if path.endswith((".c", ".h"))]

    def tool(self, command, cwd):
        """Run a compiler or linter in the sandbox: (output, exit status), as lint.run_tool."""
        done = self.box.run(command, cwd, [self.place / "src", self.utils], self.user,
                            self.course.settings.build_seconds)
        if done.output.startswith(("bwrap: ", "confined: ")):
            raise CannotGrade(f"the sandbox failed: {done.output.splitlines()[0]}; "
                              "see checker/grade --probe")
        if done.stopped == "time" or done.status < 0 or done.status in (128 + 9, 128 + 24):
            raise lint.NotMeasured(f"{command[0]} used up its time or memory")
        if done.stopped:
            raise lint.NotMeasured(f"{command[0]} printed more than a megabyte")
        return done.output, done.status

    def build(self, compiled):
        """Make libosmem.so of the sources and our utils."""
        c_files = [self.place / "src" / path for path in compiled]
        own = {path.name for path in c_files}       # whoever brings a printf.c uses that one
        c_files += sorted(path for path in self.utils.glob("*.c") if path.name not in own)
        objects = self.place / "objects"
        try:
            output, status = self.tool(
                ["gcc", *BUILD_FLAGS, f"-I{self.place / 'src'}", f"-I{self.utils}", "-shared", "-o",
                 objects / "libosmem.so", *c_files], objects)
        except lint.NotMeasured as reason:
            raise intake.Refused(f"it does not compile: {reason}") from None
        if status:
            raise intake.Refused("it does not compile: " + first_error(output, self.place))
        self.take_library(objects / "libosmem.so")

    def take_library(self, made):
        """Look whether the library has the four functions and keep a copy of it."""
        if made.is_symlink() or not made.is_file():
            raise intake.Refused("it does not compile: no library was made")
        output, _ = self.tool(["nm", "-D", "--defined-only", made], self.place / "objects")
        names = {line.split()[-1].split("@")[0] for line in output.splitlines() if line.split()}
        absent = [name for name in build.API if name not in names]
        if absent:
            raise intake.Refused(f"it does not define {', '.join(absent)}; "
                                 "define what is missing, not static and not hidden")
        shutil.copyfile(made, self.place / "library/libosmem.so", follow_symlinks=False)

    # ---- tests ----------------------------------------------------------------------------

    def run_tests(self):
        """All tests but style: [(Verdict, weight)] in the order of the plan."""
        plan = self.course.planned()
        results = {}
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            while len(results) < len(plan):
                ready = [number for number, entry in enumerate(plan) if entry[0] not in results
                         and all(need in results for need in entry[2])]
                if not ready:
                    raise CannotGrade("tests need each other in a circle; mend suite.json")
                jobs = {number: pool.submit(self.one, number, plan[number], results)
                        for number in ready}
                for number, job in jobs.items():
                    results[plan[number][0]] = self.in_time(number, plan[number], job.result())
        return [(results[entry[0]], entry[4]) for entry in plan]

    def one(self, number, entry, results):
        """Run one test whose prerequisites are decided."""
        name, group, needs, hidden, _ = entry
        lacking = next((need for need in needs if results[need].share == 0), None)
        if lacking:
            return Verdict(name, group, SKIPPED, 0.0, 0.0, hidden,
                           f"not run: it needs {lacking}, which failed")
        if sum(hung for other, hung in list(self.hung.items()) if other < number) >= MOST_HUNG:
            return self.left_out(entry)
        begin = time.monotonic()
        try:
            outcome, share = self.judged(name)
        except HarnessError as reason:
            return self.untraceable(entry, reason)
        self.hung[number] = hung(outcome.run)
        made = Verdict(name, group, status_of(share), share, 0.0, hidden, outcome.reason,
                       self.explained(outcome, share), rules_of(outcome, group))
        if share == 1 and name in self.course.twins:
            self.try_twin(made, name)
        made.seconds = round(time.monotonic() - begin, 3)
        return made

    def untraceable(self, entry, reason):
        """The result of a test without any trace: CannotGrade, unless a library of ours can be
        traced, so that it is this one's doing."""
        test = self.course.tests[0]
        try:
            control = grade.grade(test, self.course.references[test.name],
                                  self.course.programs[test.name], build.SOURCES, RUN_SECONDS,
                                  box=self.box)
        except HarnessError:
            control = None
        if control is None or not control.passed:
            raise CannotGrade(str(reason))
        return Verdict(entry[0], entry[1], FAILED, 0.0, 0.0, entry[3],
                       f"the tracer failed on this library: {str(reason).split(';')[0]}")

    def in_time(self, number, entry, made):
        """The result, unless so many programs before it hung that it does not count, ran or not:
        which of them run at the same time must not change a mark."""
        before = sum(hung for other, hung in self.hung.items() if other < number)
        return self.left_out(entry) if before >= MOST_HUNG and made.status != SKIPPED else made

    @staticmethod
    def left_out(entry):
        """The result of a test that is not run any more."""
        return Verdict(entry[0], entry[1], SKIPPED, 0.0, 0.0, entry[3],
                       f"not run: {MOST_HUNG} programs before it hung")

    def judged(self, name):
        """(Outcome, share of the points) of a program or a sequence."""
        trial = self.trials.get(name)
        if trial:
            outcome = self.play(trial)
        else:
            test = self.by_name[name]
            outcome = grade.grade(test, self.course.references[name], self.course.programs[name],
                                  self.place / "library", RUN_SECONDS, box=self.box,
                                  trace_most=TRACE_MOST)
        return outcome, share_of(outcome, self.course.scheme.partial)

    def play(self, trial):
        """The Outcome of a sequence."""
        test = suite.Test(trial.name, trials.PLAYER, trials.PLAYER, 0, trial.kind)
        return grade.grade(test, trial.events, self.course.player, self.place / "library",
                           RUN_SECONDS, box=self.box, trace_most=TRACE_MOST,
                           stdin=trial.text.encode())

    def try_twin(self, made, name):
        """A program's points are earned only if its twin agrees as well: change `made`."""
        try:
            outcome = self.play(self.course.twins[name])
        except HarnessError as reason:
            raise CannotGrade(str(reason)) from None
        made.share = share_of(outcome, self.course.scheme.partial)
        if made.share == 1:
            return
        made.status = status_of(made.share)
        made.rules = rules_of(outcome, "twin")
        made.reason = "the same calls with other sizes: " + outcome.reason
        made.output = self.explained(outcome, made.share)

    def explained(self, outcome, share):
        """The whole explanation of a test that did not pass, "" for one that did."""
        if outcome.passed:
            return ""
        parts = [shadow_text(outcome)]
        if share:
            parts.append("Each call was an allocator's, so that the test gives "
                         f"{share:.0%} of its points.")
        trial = self.trials.get(outcome.test.name) or self.course.twins.get(outcome.test.name)
        if outcome.test.group in ("seed", "twin", "fault"):
            text = about_trial(outcome, trial)
        else:
            text = explain.explain(outcome, f"python3 tests/run_tests.py {outcome.test.name}")
        return "\n\n".join(filter(None, [printable(text).rstrip("\n"), *parts])) + "\n"

    # ---- style ----------------------------------------------------------------------------

    def judge_style(self, correctness):
        """(Verdict of style, why it was not measured or "")."""
        made = Verdict("style", "style", PASSED, 1.0, 0.0, False, "")
        try:
            own = style.once_a_line(finding for finding in self.findings()
                                    if not finding.file.startswith(str(self.utils)))
        except lint.NotMeasured as reason:
            made.status, made.share, made.reason = SKIPPED, 0.0, f"not measured: {reason}"
            return made, f"style not measured: {reason}"
        left = style.points(own)
        earned = style.earned(left, correctness)
        made.share = earned / style.POINTS
        made.status = PASSED if made.share == 1 else PARTIAL if made.share else FAILED
        lines = style_lines(own)
        if earned < left:
            lines.append(f"-{left - earned:.4g} no more than the correctness points")
        made.output = printable("\n".join(lines))
        made.reason = f"{earned:.4g} of {style.POINTS}" if made.share < 1 else ""
        return made, ""

    def findings(self):
        """What the linters find in the sources."""
        found = lint.pragmas(self.sources) + lint.checkpatch(self.sources, self.tool)
        for name in ("gcc", "clang"):
            found += lint.compiler(name, self.sources, [self.place / "src", self.utils],
                                   run_tool=self.tool)
        return found


def grade_submission(path, name, course, box, jobs=1):
    """The Result of one submission. CannotGrade or HarnessError if it cannot be had."""
    begin = time.monotonic()
    made = Result(name, settings=asdict(course.settings), protection=box.report())
    try:
        taken = intake.take(path)
        made.digest = taken.digest()
        with tempfile.TemporaryDirectory(prefix="osmem-grade-") as place:
            grading = Grading(course, box, place, jobs)
            grading.prepare(taken)
            grading.build(taken.compiled)
            judge(made, grading)
    except intake.Refused as reason:
        refuse(made, str(reason), course)
    made.seconds = round(time.monotonic() - begin, 3)
    return made


def judge(made, grading):
    """Fill in the tests of a submission that was built."""
    course = grading.course
    results = grading.run_tests()
    share_out(results, TOTAL - course.scheme.style)
    made.tests = [test for test, _ in results]
    if course.settings.style:
        correctness = made.points(False)[0]
        test, made.style_note = grading.judge_style(correctness)
        test.points = float(course.scheme.style)
        made.tests.append(test)


def refuse(made, reason, course):
    """A submission that was not run: every test is skipped for the same reason."""
    made.status, made.reason = REFUSED, printable(reason).replace("\n", " ")
    results = [(Verdict(name, group, SKIPPED, 0.0, 0.0, hidden, "not run"), weight)
               for name, group, _, hidden, weight in course.planned()]
    share_out(results, TOTAL - course.scheme.style)
    made.tests = [test for test, _ in results]
    if course.settings.style:
        made.tests.append(Verdict("style", "style", SKIPPED, 0.0, float(course.scheme.style),
                                  False, "not run"))


# ---- from an outcome to a share ----------------------------------------------------------------

def hung(run):
    """Whether a program had to be stopped because it used up its time."""
    return run.status == "timeout" or (run.trace is not None
                                       and run.trace.signal in ("SIGKILL", "SIGXCPU"))


def share_of(outcome, partial):
    """The share of its points that a test gives: 1 if all agrees with the reference; less if every
    call was an allocator's and the program found nothing wrong with its memory."""
    if outcome.passed:
        return 1.0
    if not is_sound(outcome.run):
        return 0.0
    same = results_only(outcome.expected) == results_only(outcome.actual)
    return float(partial.get("results" if same else "sound", 0))


def is_sound(run):
    """Whether a run was that of an allocator, if not of the contract's."""
    if not run.comparable or run.status != "exited" or run.code or run.reason:
        return False
    calls = [event for event in run.trace.events if isinstance(event, Call)]
    return any(call.result for call in calls) and not shadow.complaints(run.trace)


def results_only(events):
    """The calls of a trace and their results, without system calls."""
    return [(event[0], event[-1]) for event in events if event[0].startswith(("os_", "exit"))]


def status_of(share):
    """The status of a test that was run."""
    return PASSED if share == 1 else PARTIAL if share else FAILED


def rules_of(outcome, group):
    """Numbers of the rules that a failed test is about."""
    if outcome.passed:
        return []
    return ["B1"] if group == "faults" else explain.rules_at_stake(outcome)


def shadow_text(outcome):
    """What the shadow heap has to say about a run, "" for nothing."""
    found = shadow.complaints(outcome.run.trace) if outcome.run.trace else []
    lines = [f"event {number}, {sentence}" for number, sentence in found]
    return "The shadow heap, which knows no reference:\n" + indented(lines, "  ") if lines else ""


def about_trial(outcome, trial):
    """The explanation of a sequence: as for a program where the model can say it."""
    shown = f"python3 tests/fuzz.py --replay '{trial.text}'"
    if outcome.difference is None or outcome.stopped_itself or trial.kind == "fault":
        again = f"{REFUSALS}\nWhat was played (tests/harness/player.c): {trial.text}" \
            if trial.kind == "fault" else "Run it again:\n  " + shown
        said = outcome.run.stderr.decode("utf-8", "replace").strip()
        return "\n\n".join(filter(None, [explain.comparison(outcome), said, again]))
    return explain.explain(outcome, shown)


def first_error(output, workspace):
    """The line of a compiler's or linker's output that says what is wrong."""
    lines = [line for line in output.replace(f"{workspace}/", "").splitlines() if line.strip()]
    for mark in ("multiple definition", "undefined reference", "error:"):
        for line in lines:
            if mark in line:
                return re.sub(r"^/?usr/bin/ld: ", "", line)
    return lines[-1] if lines else "no message"


def style_lines(findings):
    """What cost style points, kind by kind, with the places."""
    lines = []
    for kind, count, cost in style.deductions(findings):
        what = style.COSTS[kind][0] + ("s" if count > 1 else "")
        lines.append(f"-{cost:.4g} {count} {what}")
        places = [finding for finding in findings if finding.kind == kind]
        lines += [f"    {Path(finding.file).name}:{finding.line}: {finding.text}"
                  for finding in places[:FINDINGS_SHOWN]]
        if len(places) > FINDINGS_SHOWN:
            lines.append(f"    and {len(places) - FINDINGS_SHOWN} more")
    return lines
