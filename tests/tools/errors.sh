# shellcheck shell=sh
# tools/check-errors; sourced by run.sh.

check="$tools/check-errors $work/tree"

# A header with two codes and one fault.
header() {
	tree
	put include/mote/error.h <<'END'
#define MOTE_STATUS_MAP(X)                                    \
	X(OK, 0, 0, "success")                                \
	X(E_LIMIT, 401, 1, "too much")

#define MOTE_FAULT_MAP(X)                                     \
	X(NONE, 0, "no fault")

END
}

say() {
	put docs/ERRORS.md
}

# shellcheck disable=SC2086 # a command and its argument
{
	header
	good='| `MOTE_OK` | 0 | no | x |
| `MOTE_E_LIMIT` | 401 | yes | x |
| `MOTE_FAULT_NONE` | 0 | x |'
	echo "$good" | say
	accepts $check
	echo "$good" | sed 1d | say
	rejects 'no row for MOTE_OK' $check
	echo "$good" | sed s/yes/no/ | say
	rejects 'MOTE_E_LIMIT: says 401 no' $check
	echo "$good" | sed s/401/402/ | say
	rejects 'MOTE_E_LIMIT: says 402 yes' $check
	echo "$good" | sed s/FAULT_NONE/FAULT_SOME/ | say
	rejects 'MOTE_FAULT_SOME is not in' $check
}
