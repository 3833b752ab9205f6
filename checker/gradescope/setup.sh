#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Gradescope runs this once, as root, when it builds the autograder's image. It installs the
# packages that the grader needs, builds this repository's library, and writes the protection of
# this machine to the build's log.

set -euo pipefail
grader=${AUTOGRADER:-/autograder}/source/osmem

if [[ ! -x $grader/checker/grade ]]; then
    echo "setup.sh: $grader/checker/grade is missing; pack the archive as docs/grading.md says" >&2
    exit 2
fi
"$grader/checker/deps.sh" staff
"$grader/checker/checkpatch.sh" >/dev/null || true     # if this fails, style is not measured
make -s -C "$grader/src"
"$grader/checker/grade" --probe ||
    echo "setup.sh: not everything is protected; docs/grading.md (Gradescope) says what to do" >&2
