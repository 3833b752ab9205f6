# SPDX-License-Identifier: BSD-3-Clause
"""Turn the outcome of a test into its share of points and its explanation."""

from tests.harness.feedback import explain
from tests.harness.spec import shadow
from tests.harness.feedback.report import indented
from tests.harness.tracing.trace import Call
from .result import FAILED, PARTIAL, PASSED

PLAYER = "tests/harness/generated/player.c"
REFUSALS = """\
In this test the system refuses memory between l and b, or munmap after u. A call followed by !
meets the refusal: it must return NULL, set errno to ENOMEM and leave all blocks unchanged (B1)."""


def hung(run):
    """Whether a program was killed because it exceeded its time limit."""
    return run.status == "timeout" or (run.trace is not None
                                       and run.trace.signal in ("SIGKILL", "SIGXCPU"))


def share_of(outcome, partial):
    """The share of its points that a test earns: 1 if it passed, the share in `partial` if it
    is_sound(), else 0."""
    if outcome.passed:
        return 1.0
    if not is_sound(outcome.run):
        return 0.0
    same = results_only(outcome.expected) == results_only(outcome.actual)
    return float(partial.get("results" if same else "sound", 0))


def is_sound(run):
    """Whether the library behaved like some allocator, though not like the contract's: the program
    ran to its end, found nothing wrong with its memory, and the shadow heap has no complaint."""
    if not run.comparable or run.status != "exited" or run.code or run.reason:
        return False
    calls = [event for event in run.trace.events if isinstance(event, Call)]
    return any(call.result for call in calls) and not shadow.complaints(run.trace)


def results_only(events):
    """The calls of a trace and their results, without the system calls."""
    return [(event[0], event[-1]) for event in events if event[0].startswith(("os_", "exit"))]


def status_of(share):
    """The status of a test that was run."""
    return PASSED if share == 1 else PARTIAL if share else FAILED


def rules_of(outcome, group):
    """The numbers of the rules that a failed test may have broken."""
    if outcome.passed:
        return []
    return ["B1"] if group == "faults" else explain.rules_at_stake(outcome)


def shadow_text(outcome):
    """The complaints of the shadow heap about a run, "" for none."""
    found = shadow.complaints(outcome.run.trace) if outcome.run.trace else []
    lines = [f"event {number}, {sentence}" for number, sentence in found]
    return "The shadow heap, which uses no reference:\n" + indented(lines, "  ") if lines else ""


def about_sequence(outcome, sequence, passed, found):
    """The explanation of a failed generated test, as for a program where the model can explain it.

    passed  outcomes of programs that passed
    found   causes.Found of all failures
    """
    shown = f"python3 tests/random_calls.py --replay '{sequence.text}'"
    if outcome.difference is None or outcome.stopped_itself or sequence.kind == "fault":
        again = "Run it again:\n  " + shown
        if sequence.kind == "fault":
            again = f"{REFUSALS}\nThe calls (format: {PLAYER}): {sequence.text}"
        said = outcome.run.stderr.decode("utf-8", "replace").strip()
        return "\n\n".join(filter(None, [explain.comparison(outcome), said, again]))
    return explain.explain(outcome, shown, passed, found=found, brief=True)
