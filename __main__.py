# SPDX-License-Identifier: BSD-3-Clause
"""The Python program behind checker/grade: `python3 DIR`, with this directory, grades submissions.

Python then looks for modules in this directory first, whatever the current directory is and
whatever characters its path has. So every other file uses ordinary imports.
"""

from tests.harness import entry

if __name__ == "__main__":
    entry.start("grade", "checker.main")
