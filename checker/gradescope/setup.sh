#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Gradescope runs this once, as root, when it builds the autograder's image: install what the
# grader needs, build its programs, and say in the build's log what protects it there.

set -euo pipefail
grader=${AUTOGRADER:-/autograder}/source/osmem

if [[ ! -x $grader/checker/grade ]]; then
    echo "setup.sh: there is no $grader/checker/grade; pack the archive as docs/grading.md says" >&2
    exit 2
fi
"$grader/checker/deps.sh" staff
"$grader/checker/checkpatch.sh" >/dev/null || true     # without it style is not measured
make -s -C "$grader/src"
"$grader/checker/grade" --probe ||
    echo "setup.sh: something is not protected; docs/grading.md says what to do about it" >&2
