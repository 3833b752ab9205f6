#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Grade a submission: `checker/checker.sh [-v] [SUBMISSION_DIR]`, or `--class DIR`; -h says more.
# Exit status: 0 graded, 2 could not grade.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/deps.sh" >&2
exec "$("$here/python.sh")" "$here/grader.py" "$@"
