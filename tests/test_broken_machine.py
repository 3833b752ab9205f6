# SPDX-License-Identifier: BSD-3-Clause
"""If traces cannot be read, no library is blamed: one line, exit status 2, no mark."""

import pytest

from checker import course, submission
from checker.course import CannotGrade
from tests import submit
from tests.harness import cli, doctor
from tests.harness.tracing import trace


@pytest.fixture(name="unreadable")
def fixture_unreadable(monkeypatch):
    """A tracer that prints system calls in an unknown format."""
    kinds = [kind for kind in trace.Parser.KINDS
             if kind[1] is not trace.Parser.take_system_call]
    monkeypatch.setattr(trace.Parser, "KINDS", tuple(kinds))
    doctor.require_tracing.cache_clear()
    yield
    doctor.require_tracing.cache_clear()


def test_the_suite_fails_as_a_whole(unreadable, capsys):
    assert cli.main(["free-null", "malloc-zero-size"]) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "traces cannot be read here: " in err
    assert "failed" not in out


def test_the_grader_grades_nobody(unreadable, tmp_path, monkeypatch):
    submit.want_protection()
    monkeypatch.setattr(submission.build, "BUILD", tmp_path)
    with pytest.raises(CannotGrade, match="^cannot grade on this machine: .* fails "
                       "test-.*: the trace is damaged"):
        submission.control(submit.course(), submit.box(), 2)
    assert not list(tmp_path.glob("control-*"))


def test_a_machine_that_works_is_looked_at_once(tmp_path, monkeypatch):
    submit.want_protection()
    monkeypatch.setattr(submission.build, "BUILD", tmp_path)
    submission.control(submit.course(), submit.box(), 2)
    assert len(list(tmp_path.glob("control-*"))) == 1
    monkeypatch.setattr(submission.compare, "run", None)        # is not called a second time
    submission.control(submit.course(), submit.box(), 2)
    monkeypatch.setattr(course.resource, "getrlimit", lambda number: (number, number))
    with pytest.raises(TypeError):      # but under other limits it is
        submission.control(submit.course(), submit.box(), 2)


def test_a_compiler_that_fails_is_no_students_fault(tmp_path, monkeypatch):
    """If this library does not build either, no submission is refused for that."""
    submit.want_protection()
    monkeypatch.setattr(submission.build, "BUILD", tmp_path)

    def fail(self, command, cwd):
        return "collect2: fatal error: cannot find ld\n", 1

    monkeypatch.setattr(submission.Workspace, "tool", fail)
    with pytest.raises(CannotGrade, match="own library is refused: it does not compile: .*find ld"):
        submission.control(submit.course(), submit.box(), 2)
    assert not list(tmp_path.glob("control-*"))
