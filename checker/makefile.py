# SPDX-License-Identifier: BSD-3-Clause
"""Find the sources from which a submission's Makefile makes the library, without running it.

The list may be wrong, so workspace.py also links sources that the linked ones need and leaves out
sources that conflict with osmem.c.
"""

import fnmatch
import posixpath
import re

MAIN = "osmem.c"
NAMES = ("GNUmakefile", "makefile", "Makefile")     # make reads the first that exists
READ_MOST = 1 << 20             # characters of a Makefile
LOOKED_UP_MOST = 1 << 18        # characters of expanded variables, summed over all uses
LOOKED_UP_DEPTH = 6             # variables inside variables

CONTINUED = re.compile(r"\\\r?\n")
COMMENT = re.compile(r"#.*")
ASSIGNMENT = re.compile(r"^[ \t]*(?:(?:override|export|private)[ \t]+)*"
                        r"([\w.-]+)[ \t]*[:+?!]*=(.*)$", re.MULTILINE)
RULE = re.compile(r"^([^\s:=][^\n:=]*)::?(?!=)([^\n]*(?:\n\t[^\n]*)*)", re.MULTILINE)
SOME_NAME = re.compile(r"osmem|[$*]")
LIBRARY = re.compile(r"\.(?:so|a)\b")
REFERENCE = re.compile(r"\$[({]([\w.-]+)(?::[^)}]{0,100})?[)}]")
EXCLUDED = re.compile(r"filter-out\s([^,]{0,2000}),")
WORD = re.compile(r"[\w./+*-]+")
FILE_ENDING = re.compile(r"(?<=.)\.[co]\b")


class Makefile:
    """The variables and the rules of a Makefile; `data`: its bytes."""

    def __init__(self, data):
        text = CONTINUED.sub(" ", data.decode("utf-8", "replace")[:READ_MOST])
        text = COMMENT.sub("", text)
        values = {}
        for name, value in ASSIGNMENT.findall(text):
            values.setdefault(name, []).append(value)
        self.variables = {name: " ".join(parts) for name, parts in values.items()}
        self.rules = RULE.findall(text)
        self.left = LOOKED_UP_MOST

    def chosen(self, every):
        """The files among the .c files `every` that make up libosmem: the longest list with osmem.c
        in it, of a rule for a .so or .a or, failing that, of any variable or rule. Else all
        files."""
        of_libraries = [text for target, text in self.rules
                        if LIBRARY.search(self.looked_up(target))]
        rest = [*self.variables.values(), *(text for _target, text in self.rules)]
        for texts in (of_libraries, rest):
            lists = [self.listed(text, every) for text in texts if SOME_NAME.search(text)]
            longest = max((found for found in lists if MAIN in found), key=len, default=())
            if longest:
                return [path for path in every if path in longest]
        return every

    def listed(self, text, every):
        """The paths among `every` that a text names: as sources, as objects or by a pattern, with
        or without their folders."""
        text = self.looked_up(text)
        names = named_in(text)
        out = named_in(" ".join(EXCLUDED.findall(text)))
        patterns = [name for name in names if "*" in name]
        return {path for path in every if path not in out and (
            path in names or posixpath.basename(path) in names
            or any(matches(path, pattern) for pattern in patterns))}

    def looked_up(self, text, depth=LOOKED_UP_DEPTH):
        """A text with its variables expanded, up to `depth` levels deep."""
        return REFERENCE.sub(lambda found: self.value(found[1], depth - 1), text) if depth else text

    def value(self, name, depth):
        """A variable's expanded value; "" once self.left characters are used up, since nested
        references can grow exponentially."""
        text = self.variables.get(name, "")[:1000]
        self.left -= len(text) + 1
        return self.looked_up(text, depth) if self.left >= 0 else ""


def named_in(text):
    """The .c files that a text names, as sources or objects, with and without their folders."""
    words = WORD.findall(text)
    ends = [max((found.end() for found in FILE_ENDING.finditer(word)), default=0) for word in words]
    listed = {posixpath.normpath(word[:end])[:-1] + "c" for word, end in zip(words, ends) if end}
    return listed | {posixpath.basename(word) for word in listed}


def matches(path, pattern):
    """Whether a path matches a pattern in which * does not match /."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
