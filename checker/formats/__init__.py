# SPDX-License-Identifier: BSD-3-Clause
"""Write a result in the formats of people and of teaching systems, one format a module.

Each writer takes a result.Result and returns text. Parts of the text come from the submission, so
each format escapes it. In formats for students, hidden tests are counted but not described.
"""

from . import table, text
from .classroom import classroom
from .document import as_json
from .gradescope import gradescope
from .junit import junit
from .page import html
from .vpl import vpl

__all__ = ["FILES", "table", "text"]

# name of a file in the submission's folder of results -> its writer
FILES = {
    "result.json": as_json,
    "report.html": html,
    "report.txt": text.report,
    "junit.xml": junit,
    "gradescope.json": gradescope,
    "classroom.txt": classroom,
    "vpl.txt": vpl,
}
