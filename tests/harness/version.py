# SPDX-License-Identifier: BSD-3-Clause
"""The version of osmem, from the file VERSION at the top."""

from . import build


def number():
    """The version, such as 0.2.0."""
    return (build.ROOT / "VERSION").read_text(encoding="ascii").strip()


def line(program):
    """What a program prints for --version."""
    return f"{program} (osmem) {number()}"
