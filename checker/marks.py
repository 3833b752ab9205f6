# SPDX-License-Identifier: BSD-3-Clause
"""From an outcome to a share of its points, and to what is said about it."""

import tree
from result import FAILED, PARTIAL, PASSED

tree.add_harness()
from harness import explain, shadow  # noqa: E402
from harness.report import indented  # noqa: E402
from harness.trace import Call  # noqa: E402

REFUSALS = """\
The system refuses something here: memory, between l and b, or munmap, from u on. A call with !
behind it meets that: it has to return NULL with errno = ENOMEM and to leave every block as it was
(B1)."""


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


def about_trial(outcome, trial, passed, found):
    """The explanation of a sequence: as for a program where the model can say it. `passed`:
    outcomes of programs that passed; `found`: causes.Found of all failures."""
    shown = f"python3 tests/fuzz.py --replay '{trial.text}'"
    if outcome.difference is None or outcome.stopped_itself or trial.kind == "fault":
        again = f"{REFUSALS}\nWhat was played (tests/harness/player.c): {trial.text}" \
            if trial.kind == "fault" else "Run it again:\n  " + shown
        said = outcome.run.stderr.decode("utf-8", "replace").strip()
        return "\n\n".join(filter(None, [explain.comparison(outcome), said, again]))
    return explain.explain(outcome, shown, passed, found=found, brief=True)
