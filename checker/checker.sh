#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Print the mark of one submission, this repository's by default, and write no files; everything
# else is `checker/grade`. Exit status: 0 graded, 2 could not grade.

set -euo pipefail
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/grade" --no-files "$@"
