# SPDX-License-Identifier: BSD-3-Clause
"""What Python programs do all day: strings, dictionaries, JSON, objects that come and go."""

import json
import re

WORDS = 30000


class Entry:
    """A node of a linked list."""

    def __init__(self, name, following):
        self.name, self.following = name, following


def words(count):
    """Strings of three to twelve letters, the same ones each time."""
    state = 1
    for _ in range(count):
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        yield "".join(chr(97 + (state >> shift) % 26) for shift in range(8, 8 + 3 + state % 10))


def main():
    """Print numbers that only depend on WORDS."""
    names = list(words(WORDS))
    index = {}
    for place, name in enumerate(names):
        index.setdefault(name[:2], []).append((name, place))
    text = json.dumps(index)
    found = json.loads(text)
    longest = sorted(found, key=lambda key: (-len(found[key]), key))[:5]
    chain = None
    for _ in range(5):
        chain = None
        for name in names:
            chain = Entry(name + "!", chain)
    pieces = re.sub(r"[aeiou]+", "-", " ".join(names)).split("-")
    print(len(text), longest, chain.name, len(pieces), len({piece * 2 for piece in pieces}))


main()
