#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Print the Python interpreter to use: the first that has pytest, xdist, Hypothesis and flake8.
#
# A machine may have a second python3 ahead on PATH (pyenv, conda) that knows nothing of the
# distribution's packages, so /usr/bin/python3 is tried as well. $PYTHON overrides both.
# Exit status 1, and nothing printed, when none has them all.

set -euo pipefail

for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
    if "$python" -c 'import flake8, hypothesis, pytest, xdist' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
exit 1
