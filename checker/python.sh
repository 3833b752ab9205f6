#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Print the Python interpreter to use: the first that has pytest, xdist, Hypothesis and flake8.
#
# Tries $PYTHON, python3 and /usr/bin/python3: the first python3 on PATH may be another one (pyenv,
# conda) that does not see the distribution's packages. Prints nothing and exits with status 1 if
# none has all four packages.

set -euo pipefail

for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
    if "$python" -c 'import flake8, hypothesis, pytest, xdist' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
exit 1
