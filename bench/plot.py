# SPDX-License-Identifier: BSD-3-Clause
"""A line plot on two logarithmic axes, written as SVG."""

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
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', *grid(across, up),
             text(LEFT, TOP - 15, title, "start", 'font-weight="bold"'),
             text((across.start + across.end) / 2, HEIGHT - 12, across_label),
             text(18, middle, up_label, more=f'transform="rotate(-90 18 {middle:.0f})"')]
    labels = spread([up.at(points[-1][1]) + 4 for points in series.values()])
    for (name, points), label, i in zip(series.items(), labels, range(len(series))):
        colour = COLOURS[i % len(COLOURS)]
        parts += curve(points, across, up, colour)
        parts.append(text(across.at(points[-1][0]) + 8, label, name, "start", f'fill="{colour}"'))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">\n'
            + "\n".join(parts) + "\n</svg>\n")
