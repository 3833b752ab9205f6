# SPDX-License-Identifier: BSD-3-Clause
"""A class as a table: for the terminal, and as CSV."""

import csv
import io

from tests.harness.points import number
from tests.harness.feedback.report import printable

TABLE = ["submission", "status", "score", "max_score", "correctness", "style", "score_by_cause",
         "mark", "passed", "partial", "failed", "skipped", "seconds", "version",
         "note"]
FORMULA = ("=", "+", "-", "@", "\t", "\r")      # a spreadsheet's formula may start with these


def row(result):
    """One row of the class's table, values in the order of TABLE."""
    counts = result.counts()
    style = "" if result.style_note else number(result.sums(True)[0])
    return [result.name, result.status, number(result.score), number(result.max_score),
            number(result.sums(False)[0]), style, number(result.score_by_cause),
            number(result.mark), *map(str, counts.values()),
            f"{result.seconds:.1f}", result.version, printable(result.note()).replace("\n", " ")]


def table(rows):
    """The class's table as text, for the terminal."""
    width = max([len("submission"), *(len(printable(name)) for name, *_ in rows)])
    lines = [f"{'submission':<{width}} {'correct':>8} {'style':>6} {'total':>6} {'by cause':>8} "
             f"{'mark':>6} {'of':>4}  note"]
    for name, _, score, most, correct, style, by_cause, mark, *_, note in rows:
        lines.append(f"{printable(name):<{width}} {correct:>8} {style or '-':>6} {score:>6} "
                     f"{by_cause:>8} {mark:>6} {most:>4}  {note}")
    return "\n".join(lines) + "\n"


def csv_table(rows):
    """The class's table as CSV. No cell begins like a formula, and null characters are escaped,
    since the csv module of Python 3.10 cannot write them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TABLE)
    for cells in rows:
        plain = [cell.replace("\0", "\\x00") for cell in cells]
        writer.writerow(["'" + cell if cell.startswith(FORMULA) else cell for cell in plain])
    return out.getvalue()
