# SPDX-License-Identifier: BSD-3-Clause
"""The version of osmem, from the file VERSION at the top."""

from . import build


def line(program):
    """What a program prints for --version."""
    text = (build.ROOT / "VERSION").read_text(encoding="ascii")
    return f"{program} (osmem) {text.strip()}"
