# SPDX-License-Identifier: BSD-3-Clause
"""The arithmetic of marks: sums, rounding, points by cause, shares of a total, points of style.

run_tests.py counts whole points of the suite. The grader scales them to a total, so that its points
are fractions; it rounds only what it shows, to a hundredth. docs/grading.md describes the rules.
"""

from fractions import Fraction

PLACES = 2          # of points that people read
EXACT_PLACES = 4    # of points in documents for programs


def rounded(points):
    """Points to a hundredth."""
    return round(points, PLACES)


def exact(points):
    """Points as documents for programs give them."""
    return round(points, EXACT_PLACES)


def number(points):
    """Points as text, to a hundredth at most."""
    return f"{rounded(points):g}"


def earned_and_possible(outcomes):
    """(points earned, points possible) of compare.Outcomes, whole points."""
    return (sum(outcome.earned for outcome in outcomes),
            sum(outcome.test.points for outcome in outcomes))


def sums(verdicts):
    """(points earned, points possible) of the grader's Verdicts, to a hundredth."""
    return (rounded(sum(verdict.score for verdict in verdicts)),
            rounded(sum(verdict.points for verdict in verdicts)))


def scaled(points, most, total):
    """Points out of `most` as points out of `total`, to a hundredth."""
    return rounded(points * total / most)


def proportional(weights, total):
    """A function from a weight to its points, by which these weights give `total` points together.
    It gives 0 if all weights are 0."""
    whole = sum(Fraction(str(weight)) for weight in weights)
    return lambda weight: float(Fraction(str(weight)) * total / whole) if whole else 0.0


# ---- by cause -----------------------------------------------------------------------------------

def recoverable(possible, earned, played):
    """The points that a test gets back if its failure is explained: those that it lost, times the
    share of the program that was played (compare.Outcome.played)."""
    return (possible - earned) * played


def giving_back(programs, unproved):
    """Of each cause the names of those failures that give points back: none in which a cause that
    is not proved has a part. `unproved`: of each such cause, the names of its failures."""
    without = set().union(*unproved)
    return [[name for name in names if name not in without] for names in programs]


def costs(programs, lost, most):
    """What each cause costs where causes count instead of programs: its points, at most what the
    failures that it explains have lost.

    programs  of each cause, the names of the failures that it explains
    lost      {name: points that a failure lost}
    """
    return [min(most, sum(lost[name] for name in names)) for names in programs]


def given_back(programs, lost, most):
    """Points that explained failures get back, less what their causes cost; never below 0."""
    explained = sum(lost[name] for name in set().union(*programs))
    return max(explained - sum(costs(programs, lost, most)), 0)


def earned_by_cause(found, outcomes, most):
    """The points that Outcomes earn together if causes count, whole points.

    What explained failures get back together is rounded down.

    found  causes.Found or None
    most   the most points that one cause costs
    """
    earned, _ = earned_and_possible(outcomes)
    if not found:
        return earned
    lost = {outcome.test.name: recoverable(outcome.test.points, outcome.earned, outcome.played)
            for outcome in outcomes}
    unproved = [cause.programs for cause in found.causes if not cause.proved]
    programs = giving_back([cause.programs for cause in found.causes], unproved)
    return earned + int(given_back(programs, lost, most))


# ---- style --------------------------------------------------------------------------------------

def deduction(count, each, most):
    """What `count` findings of one kind cost: `each` a finding, `most` in all."""
    return min(count * each, most)


def style_left(possible, deductions):
    """The style points that deductions leave, to a hundredth; never below 0."""
    return max(0.0, rounded(possible - sum(deductions)))


def style_earned(left, correctness):
    """The style points that count: at most as many as correctness points.

    The style of code that does next to nothing is worth next to nothing.
    """
    return min(left, float(correctness))
