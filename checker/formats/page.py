# SPDX-License-Identifier: BSD-3-Clause
"""The report that a student opens in a browser: one file without scripts that loads nothing.

All text from outside is escaped. Of hidden tests the page shows only their number and the points of
their groups.
"""

import html as markup

from tests.harness import points
from tests.harness.feedback.causetext import counted
from tests.harness.points import number
from ..result import CAUSE, GRADED, PASSED, by_group

STYLE = """
body { font: 16px/1.5 sans-serif; margin: 2em auto; max-width: 62em; padding: 0 1em;
       color: #222; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; } td, th { padding: .15em .8em; text-align: right; }
td:first-child, th:first-child { text-align: left; } tr + tr td { border-top: 1px solid #ddd; }
details { border-left: .3em solid #bbb; margin: .3em 0; padding: .1em .8em; }
details.passed { border-color: #2a7d3f; } details.partial { border-color: #c08a00; }
details.failed { border-color: #b3261e; }
footer { color: #666; font-size: .8em; margin-top: 3em; }
summary { cursor: pointer; } summary b { font-weight: 600; } summary span { color: #666; }
pre { overflow-x: auto; background: #f5f5f2; padding: .8em; font-size: 13px; line-height: 1.35; }
.cause { border: 1px solid #ccc; border-radius: .5em; margin: 1em 0; padding: .2em 1em .6em; }
.cause h3 { font-size: 1em; margin: .8em 0 .4em; } .cause p { margin: .4em 0; }
.cause pre { margin: .4em 0; } .cause ul { margin: .3em 0; columns: 18em; padding-left: 1.2em; }
.sides { display: flex; flex-wrap: wrap; gap: 0 1em; } .sides div { flex: 1 1 18em; min-width: 0; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #1c1c1c; }
  pre { background: #292929; } tr + tr td { border-color: #444; } summary span { color: #aaa; }
  .cause { border-color: #555; } }
"""


def text(value):
    """A value as escaped text."""
    return markup.escape(str(value), quote=True)


def html(result):
    """The whole page."""
    mark = f"{number(result.mark)} of {number(result.max_score)} points"
    body = [f"<h1>{text(result.name)}: {mark}</h1>", f"<p>{text(other_figure(result))}</p>"]
    if result.status != GRADED:
        body.append(f"<p><b>Not run:</b> {text(result.reason)}</p>")
    body += [f"<p>{text(remark)}</p>" for remark in (*result.remarks, result.style_note) if remark]
    body.append(sums(result))
    if result.status == GRADED:
        body += causes(result)
        body += sections(result)
    if result.log:
        body.append(f"<details{' open' * (result.status != GRADED)}><summary>What the compiler and "
                    f"the linker printed</summary><pre>{text(result.log)}</pre></details>")
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{text(result.name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            + "\n".join([*body, f"<footer>osmem {text(result.version)}</footer>"])
            + "\n</body>\n</html>\n")


def sums(result):
    """The table of points by group."""
    rows = ["<tr><th>group</th><th>points</th><th>of</th><th>tests passed</th></tr>"]
    for group, tests in by_group(result.tests).items():
        passed = sum(test.status == PASSED for test in tests)
        score, possible = points.sums(tests)
        rows.append(f"<tr><td>{text(group)}</td><td>{number(score)}</td>"
                    f"<td>{number(possible)}</td><td>{passed}/{len(tests)}</td></tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def other_figure(result):
    """A sentence with the score that is not the mark."""
    if result.marks_by == CAUSE:
        return f"If every failed test counted, the mark would be {number(result.score)}. Here " \
            "explained failures get their points back, and each mistake costs points once."
    return f"If every mistake counted once, the mark would be {number(result.score_by_cause)}."


def causes(result):
    """The section on the causes of the failures, [] if nothing failed or nothing is known."""
    shown = result.shown_causes()
    head = result.headline(shown)
    if not head:
        return []
    return [f"<h2>{text(head)}</h2>",
            *(cause_entry(count, cause, cost) for count, (cause, cost) in
              enumerate(result.with_costs(shown), 1))]


def cause_entry(count, cause, cost):
    """One cause: the mistake, its rule, an example with pictures, the failures that it explains."""
    names = [f"<li>{text(name)}</li>" for name in cause["tests"]]
    rule = f"<b>{text(cause['rule'])}</b> " if cause["rule"] else ""
    parts = [f"<h3>{count}. {rule}{text(cause['sentence'])}</h3>"]
    rules = [f"<p><b>{text(rule)}</b> {text(words)}</p>" for rule, words in cause["rules"]]
    parts += rules[:1]
    if cause["where"]:
        parts.append(f"<p>For example {text(cause['example'])}, {text(cause['where'])}:</p>")
        sides = [(name, cause[key]) for name, key in (("Expected", "expected"), ("Found", "found"))]
        parts += ['<div class="sides">', *(side(*pair) for pair in sides if pair[1]), "</div>"]
    if cause["picture"]:
        parts.append(f"<pre>{text(cause['picture'])}</pre>")
    if rules[1:]:
        parts.append("<details><summary>Other rules that decide this call</summary>"
                     f"{''.join(rules[1:])}</details>")
    parts.append(f"<details><summary>{counted(len(names), 'failure')}; by cause it costs "
                 f"{number(cost)}</summary><ul>{''.join(names)}</ul></details>")
    return '<section class="cause">' + "\n".join(parts) + "</section>"


def side(name, lines):
    """The lines that were expected or found, under the heading `name`."""
    return f"<div><b>{name}</b><pre>{text(chr(10).join(lines))}</pre></div>"


def sections(result):
    """A section for each group with lost points or hidden tests."""
    body = []
    for group, tests in by_group(result.tests).items():
        shown = [test for test in tests if not test.hidden]
        lost = [test for test in shown if test.status != PASSED]
        count = len(tests) - len(shown)
        if lost or count:
            body.append(f"<h2>{text(group)}</h2>")
        body += [entry(test) for test in lost]
        if count:
            body.append(f"<p>{count} hidden tests</p>")
    return body or ["<p>Every test passed.</p>"]


def entry(test):
    """A test that did not pass, with its explanation folded."""
    head = (f"<b>{text(test.name)}</b> {text(test.reason)} "
            f"<span>{number(test.score)}/{number(test.points)}, {text(test.status)}"
            + (f", rules {text(', '.join(test.rules))}" if test.rules else "") + "</span>")
    body = f"<pre>{text(test.output)}</pre>" if test.output else ""
    return f'<details class="{text(test.status)}"><summary>{head}</summary>{body}</details>'
