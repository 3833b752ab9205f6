# SPDX-License-Identifier: BSD-3-Clause
"""Plots written as SVG: lines on two logarithmic axes; dots on one, a row for each thing."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 90, 130, 40, 55      # margins, pixels
COLOURS = ["#c62828", "#1565c0", "#2e7d32", "#ef6c00", "#6a1b9a", "#5d4037", "#546e7a"]
LABEL_HEIGHT = 15


class Axis:
    """Whole decades of values, laid over pixels from start to end."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.end = start, end

    def at(self, value):
        """The pixel of a value."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def decades(self):
        """The powers of ten on the axis."""
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def text(x, y, words, anchor="middle", more=""):
    """One line of text."""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def line(x1, y1, x2, y2):
    """One line of the grid."""
    return f'<path d="M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}" stroke="#ddd"/>'


def document(parts, height):
    """The whole SVG document."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def grid(across, up):
    """Grid lines and the numbers at them."""
    parts = []
    for value in across.decades():
        x = across.at(value)
        parts += [line(x, up.start, x, up.end), text(x, up.start + 18, f"{value:,.0f}")]
    for value in up.decades():
        y = up.at(value)
        parts += [line(across.start, y, across.end, y),
                  text(across.start - 8, y + 4, f"{value:,.0f}", "end")]
    return parts


def curve(points, across, up, colour):
    """One series: its line and a mark at each point."""
    places = [(across.at(x), up.at(y)) for x, y in points]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return [f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>', *marks]


def spread(heights):
    """Those heights, in the same order, moved down where labels would overlap."""
    placed = {}
    above = -math.inf
    for height, i in sorted((height, i) for i, height in enumerate(heights)):
        above = placed[i] = max(height, above + LABEL_HEIGHT)
    return [placed[i] for i in range(len(heights))]


def draw(series, title, across_label, up_label):
    """The SVG document. series: {name: [(x, y), ...]}, all numbers positive, x ascending."""
    across = Axis([x for points in series.values() for x, _ in points], LEFT, WIDTH - RIGHT)
    up = Axis([y for points in series.values() for _, y in points], HEIGHT - BOTTOM, TOP)
    middle = (up.start + up.end) / 2
    parts = [*grid(across, up),
             text(LEFT, TOP - 15, title, "start", 'font-weight="bold"'),
             text((across.start + across.end) / 2, HEIGHT - 12, across_label),
             text(18, middle, up_label, more=f'transform="rotate(-90 18 {middle:.0f})"')]
    labels = spread([up.at(points[-1][1]) + 4 for points in series.values()])
    for (name, points), label, i in zip(series.items(), labels, range(len(series))):
        colour = COLOURS[i % len(COLOURS)]
        parts += curve(points, across, up, colour)
        parts.append(text(across.at(points[-1][0]) + 8, label, name, "start", f'fill="{colour}"'))
    return document(parts, HEIGHT)


# ---- dots: a row for each thing, one logarithmic axis across ---------------------------------

TICKS = [1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000]
ROW_HEIGHT = 18
NAMES = 95          # pixels for the names on either side


def row_at(i):
    """The pixel of the i-th row's middle."""
    return TOP + (i + 0.5) * ROW_HEIGHT


def dots_grid(at, ticks, rows):
    """A line for each tick and each row, and what they stand for."""
    parts = []
    end = row_at(len(rows) - 0.5)
    for tick in ticks:
        parts += [line(at(tick), TOP, at(tick), end), text(at(tick), end + 18, f"{tick:g}")]
    for i, row in enumerate(rows):
        parts += [line(NAMES, row_at(i), WIDTH - NAMES, row_at(i)),
                  text(NAMES - 8, row_at(i) + 4, row, "end")]
    return parts


def dots_of(by_row, rows, at, look):
    """One series: its dots. look: attributes of each."""
    return [f'<circle cx="{at(value):.1f}" cy="{row_at(rows.index(row)):.1f}" {look}/>'
            for row, value in by_row.items()]


def dots(series, title):
    """The SVG document: equal factors are equal distances, and the first series is on top.

    series: {name: {row: ratio}}, ratios from 1 on.
    """
    rows = list(dict.fromkeys(row for by_row in series.values() for row in by_row))
    most = max(TICKS[1], *(value for by_row in series.values() for value in by_row.values()))
    width = WIDTH - 2 * NAMES - 20

    def at(value):
        return NAMES + 10 + width * math.log(value) / math.log(most)

    parts = [text(NAMES, TOP - 15, title, "start", 'font-weight="bold"'),
             *dots_grid(at, [tick for tick in TICKS if tick <= most], rows)]
    for i, (name, by_row) in reversed(list(enumerate(series.items()))):
        fill = f'fill="{COLOURS[i % len(COLOURS)]}"'
        parts.append(text(WIDTH - NAMES + 12, row_at(i) + 4, name, "start", fill))
        parts += dots_of(by_row, rows, at, f'r="{4 if i else 5}" fill-opacity="0.8" {fill}')
    return document(parts, TOP + len(rows) * ROW_HEIGHT + 40)
