# SPDX-License-Identifier: BSD-3-Clause
"""Style points, 0 to 10: the cost of each finding. checker/README.md shows the same table."""

from tests.harness.points import deduction, style_left

POINTS = 10

# kind of finding -> (its name, cost of each finding, most that all findings of the kind cost)
COSTS = {
    "error": ("compiler error", 1.0, 4.0),
    "warning": ("compiler warning", 0.5, 4.0),
    "pragma": ("line that switches warnings off", 1.0, 2.0),
    "ERROR": ("checkpatch error", 0.5, 3.0),
    "WARNING": ("checkpatch warning", 0.25, 3.0),
    "CHECK": ("checkpatch check", 0.1, 2.0),
}


def counted(kind, count):
    """The number of findings of a kind, in words."""
    first, space, rest = COSTS[kind][0].partition(" that ")
    return f"{count} {first}{'s' * (count > 1)}{space}{rest}"


def once_a_line(findings):
    """The findings as a list; of two compilers' findings in the same line only the first."""
    kept = {}
    for finding in findings:
        compilers = finding.kind in ("error", "warning")
        key = (finding.file, finding.line, finding.kind) if compilers else finding
        kept.setdefault(key, finding)
    return list(kept.values())


def deductions(findings):
    """The deductions: [(kind, number of findings, points)], kinds in the order of COSTS."""
    counts = {kind: sum(finding.kind == kind for finding in once_a_line(findings))
              for kind in COSTS}
    return [(kind, count, deduction(count, *COSTS[kind][1:]))
            for kind, count in counts.items() if count]


def points(findings):
    """The style points that remain, 0 to 10, rounded to a hundredth."""
    return style_left(POINTS, [cost for _kind, _count, cost in deductions(findings)])
