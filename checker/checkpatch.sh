#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Print the path of a checkpatch.pl. It is GPL-2.0, so this repository does not include it. Looks in
# $CHECKPATCH, PATH, the cache and installed kernel sources, in this order; otherwise fetches one
# into the cache. Where apt has a Debian mirror, it comes from the source package openfortivpn
# (169 KB, contains a copy), else from Ubuntu's kernel headers (such as linux-headers-6.8.0-31).
# Exit status 1, with one line on stderr, if there is none and fetching fails.

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

# Print the Debian mirror that this machine uses, nothing if it uses none.
mirror() {
    apt-get indextargets --format "\$(REPO_URI)" \
        'Identifier: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | sed -n 1p
}

# Fetch the source tarball from mirror $2 into directory $1 with apt, which authenticates it. The
# package lists are stored there too, so the machine's own sources and lists do not change.
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

# Print the newest package of the kernel headers that all of Ubuntu's kernel flavours share, nothing
# if apt knows none. Debian's packages have other names and contain no checkpatch.pl.
headers_package() {
    apt-cache pkgnames linux-headers- 2>/dev/null | grep -E '^linux-headers-[0-9.]+-[0-9]+$' |
        sort -V | tail -n 1
}

# Fetch package $2 into directory $1 with apt, which authenticates it, and copy the script and its
# data files from the package into the cache.
fetch_headers() {
    local dir=$1 scripts
    (cd "$dir" && apt-get -qq -o "APT::Sandbox::User=" -o "Acquire::Retries=2" download "$2") &&
        dpkg-deb --extract "$dir"/*.deb "$dir/files" || return
    scripts=$(dirname "$(find "$dir/files" -name checkpatch.pl -path '*/scripts/*' | head -n 1)")
    [[ -e $scripts/checkpatch.pl ]] || { echo "E: no checkpatch.pl in $2"; return 1; }
    mkdir -p "$cache/headers.$$" &&
        cp -L "$scripts"/{checkpatch.pl,spelling.txt,const_structs.checkpatch} "$cache/headers.$$" &&
        { mv -T "$cache/headers.$$" "$cache/headers" || rm -r "$cache/headers.$$"; }
}

[[ -z ${CHECKPATCH:-} ]] || { [[ -r $CHECKPATCH ]] && found "$CHECKPATCH"; } ||
    die "\$CHECKPATCH is $CHECKPATCH, which cannot be read"
! command -v checkpatch.pl || exit 0
! verified "$cache/checkpatch.pl" || found "$cache/checkpatch.pl"
for script in "$cache/headers/checkpatch.pl" \
    {/usr/src/linux-*,/lib/modules/*/build,/usr/lib/linux-kbuild-*}/scripts/checkpatch.pl; do
    [[ ! -r $script ]] || found "$script"
done

command -v apt-get >/dev/null || die "not installed, and there is no apt-get to fetch it with"
debian=$(mirror || true)
headers=$(headers_package || true)
[[ $debian || $headers ]] || die "not installed, and apt's lists name neither a Debian mirror nor a\
 package linux-headers-VERSION (apt-get update writes them)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
give_up() {
    die "not installed, and fetching it failed ($(grep -m 1 '^[EW]:' "$work/log" || echo 'no message'))"
}
if [[ ! $debian ]]; then
    fetch_headers "$work" "$headers" >"$work/log" 2>&1 || give_up
    found "$cache/headers/checkpatch.pl"
fi
fetch "$work" "$debian" >"$work/log" 2>&1 || give_up
tar -xzf "$work/$TARBALL" -C "$work" "$INSIDE"
verified "$work/$INSIDE/checkpatch.pl" || die "the fetched copy has the wrong checksum and was thrown away"
mkdir -p "$cache"
cp "$work/$INSIDE/spelling.txt" "$work/$INSIDE/const_structs.checkpatch" "$cache/"
cp "$work/$INSIDE/checkpatch.pl" "$cache/checkpatch.pl.$$"
mv "$cache/checkpatch.pl.$$" "$cache/checkpatch.pl"
found "$cache/checkpatch.pl"
