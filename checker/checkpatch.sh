#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Print the path of a checkpatch.pl; it is GPL-2.0, so it is run from elsewhere and not part of
# this repository. In this order: $CHECKPATCH, PATH, the cache, an installed kernel source, and
# Debian's source package of openfortivpn (169 KB, carries a copy), fetched into the cache.
# Exit status 1 with one line on stderr when it cannot be had.

set -euo pipefail

readonly VERSION=1.19.0-2
readonly TARBALL=openfortivpn_1.19.0.orig.tar.gz
readonly INSIDE=openfortivpn-1.19.0/tests/ci/checkpatch
readonly SHA256=b1bd188c0b77b686fcea9499b962058b4393eedc145cd7e179f2208cae868f2e
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
cache=${OSMEM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/osmem}

die() {
    echo "checkpatch.pl: $1; put one on PATH or name it in \$CHECKPATCH" >&2
    exit 1
}

found() {
    echo "$1"
    exit 0
}

verified() {
    [[ -f $1 ]] && echo "$SHA256  $1" | sha256sum --check --status
}

# The Debian mirror that this machine uses, nothing if it uses none.
mirror() {
    apt-get indextargets --format "\$(REPO_URI)" \
        'Identifier: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | sed -n 1p
}

# Fetch the source tarball from mirror $2 into directory $1 with apt, which authenticates it. The
# package lists go there too: the machine's own sources and lists stay as they are.
fetch() {
    local dir=$1 signed=""
    [[ ! -e $KEYRING ]] || signed="[signed-by=$KEYRING] "
    echo "deb-src $signed$2 bookworm main" >"$dir/sources.list"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    local apt=(apt-get -qq
        -o "Dir::Etc::SourceList=$dir/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
        -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache"
        -o "APT::Sandbox::User=" -o "Acquire::Retries=2" -o "Acquire::http::Timeout=20")
    (cd "$dir" && "${apt[@]}" update && "${apt[@]}" --download-only source "openfortivpn=$VERSION")
}

[[ -z ${CHECKPATCH:-} ]] || { [[ -r $CHECKPATCH ]] && found "$CHECKPATCH"; } ||
    die "\$CHECKPATCH is $CHECKPATCH, which cannot be read"
! command -v checkpatch.pl || exit 0
! verified "$cache/checkpatch.pl" || found "$cache/checkpatch.pl"
for script in {/usr/src/linux-*,/lib/modules/*/build,/usr/lib/linux-kbuild-*}/scripts/checkpatch.pl; do
    [[ ! -r $script ]] || found "$script"
done

command -v apt-get >/dev/null || die "not installed, and there is no apt-get to fetch it with"
debian=$(mirror || true)
[[ $debian ]] || die "not installed, and apt's lists name no Debian mirror (apt-get update writes them)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch "$work" "$debian" >"$work/log" 2>&1 ||
    die "not installed, and fetching it failed ($(grep -m 1 '^[EW]:' "$work/log" || echo 'no message'))"
tar -xzf "$work/$TARBALL" -C "$work" "$INSIDE"
verified "$work/$INSIDE/checkpatch.pl" || die "the fetched copy has the wrong checksum and was thrown away"
mkdir -p "$cache"
cp "$work/$INSIDE/spelling.txt" "$work/$INSIDE/const_structs.checkpatch" "$cache/"
cp "$work/$INSIDE/checkpatch.pl" "$cache/checkpatch.pl.$$"
mv "$cache/checkpatch.pl.$$" "$cache/checkpatch.pl"
found "$cache/checkpatch.pl"
