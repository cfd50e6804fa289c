# shellcheck shell=sh
# tools/check-man; sourced by run.sh.

check="$tools/check-man $work/tree"

# page WIDTH-OF-A-COLUMN TEXT
page() {
	tree
	put man/man3/x.3 <<END
.Dd January 1, 2026
.Dt X 3
.Os
.Sh NAME
.Nm x
.Nd a page
.Sh DESCRIPTION
.Bl -column $1 x
.It $1 Ta $2
.El
END
}

# shellcheck disable=SC2086 # a command and its argument
if command -v mandoc >/dev/null; then
	page name short
	accepts $check
	sed -i 's/^\.Nd.*/.Ndd a page/' man/man3/x.3
	rejects 'unknown macro' $check
	if command -v groff >/dev/null; then
		page name "$(printf '%0120d' 0)"
		rejects "can't break line" $check
	fi
fi
