#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Grade a checkout for GitHub Classroom: `run.sh CHECKOUT [OPTION]...`, with options of
# checker/grade. Prints the report and appends `result=PAYLOAD` to $GITHUB_OUTPUT, which sets the
# step's output `result`.

set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

if (($# == 0)) || [[ -z ${GITHUB_OUTPUT:-} ]]; then
    echo "run.sh: name the checkout, and run it in a workflow (\$GITHUB_OUTPUT is not set)" >&2
    exit 2
fi
checkout=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$here/../grade" --out "$out" --name submission --verbose "${@:2}" "$checkout"
echo "result=$(cat "$out/submission/classroom.txt")" >>"$GITHUB_OUTPUT"
