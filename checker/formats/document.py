# SPDX-License-Identifier: BSD-3-Clause
"""The result as JSON (docs/grading.md)."""

import json

from ..result import document


def as_json(result):
    """The JSON document (docs/grading.md)."""
    return json.dumps(document(result), indent=1) + "\n"
