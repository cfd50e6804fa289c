#!/bin/sh
# skopeo.sh SNAPSHOT-TOOL GUEST
#
# To a tool that knows nothing of Mote a saved snapshot is an OCI artifact: it
# is looked at, copied to another layout and back, and the copies load and
# run. Layouts that the tool has written are saved into.
set -eu

tool=$1
guest=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() {
	echo "FAILED: $*"
	exit 1
}

# No policy, no settings of whoever runs this.
skopeo() {
	HOME=$work command skopeo --insecure-policy --tmpdir "$work" "$@" \
		>"$work/out" 2>"$work/err" || {
		cat "$work/out" "$work/err"
		die "skopeo $*"
	}
}

# saved LAYOUT TAG TEXT: the digest
saved() {
	"$tool" save "$1" "$2" "$guest" "$3" || die "save $1 $2"
}

# expect LAYOUT REFERENCE TEXT
expect() {
	text=$("$tool" load "$1" "$2") || die "load $1 $2"
	[ "$text" = "$3" ] || die "load $1 $2 says $text, not $3"
}

blobs() {
	find "$1/blobs" -type f | wc -l
}

if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	[ -z "${MOTE_REQUIRE_HV:-}" ] || die "/dev/kvm cannot be opened"
	echo "skipped: /dev/kvm cannot be opened"
	exit 77
fi
command -v skopeo >/dev/null || die "skopeo is not installed"

a=$work/a
b=$work/b
one=$(saved "$a" one "the first")
two=$(saved "$a" two.2 "the second")

# inspect --raw gives the manifest, byte for byte.
skopeo inspect --raw "oci:$a:one"
sum=$(sha256sum "$work/out")
[ "sha256:${sum%% *}" = "$one" ] || die "inspect: another manifest than $one"
grep -q '"artifactType":"application/vnd.mote.snapshot.config.v1+json"' \
	"$work/out" || die "inspect: $(cat "$work/out")"

# What was copied is the same.
skopeo copy "oci:$a:one" "oci:$b:copy"
expect "$b" copy "the first"
expect "$b" "$one" "the first"
cmp "$a/blobs/sha256/${one#sha256:}" "$b/blobs/sha256/${one#sha256:}"

# Into an index that is not ours; and from there back again.
three=$(saved "$b" three "the third")
expect "$b" three "the third"
expect "$b" copy "the first"
skopeo copy "oci:$b:three" "oci:$a:back"
expect "$a" back "the third"
expect "$a" "$three" "the third"
expect "$a" two.2 "the second"
expect "$a" "$two" "the second"
skopeo copy --preserve-digests "oci:$a:two.2" "oci:$b:two.2"
expect "$b" "$two" "the second"

# Program and base are there once: 3 snapshots of 3 further blobs at most.
for layout in "$a" "$b"; do
	count=$(blobs "$layout")
	[ "$count" -le 11 ] || die "$layout has $count blobs"
done
echo "skopeo $(command skopeo --version | sed 's/.* //'): copies load and run"
