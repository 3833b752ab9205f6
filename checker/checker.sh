#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Print the mark of one submission (by default this repository's library) and write no files. Takes
# the options of `checker/grade`. Exit status: 0 graded, 2 could not grade.

set -euo pipefail
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/grade" --no-files "$@"
