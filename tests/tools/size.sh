# shellcheck shell=sh
# tools/check-size; sourced by run.sh.

# lines COUNT: that many lines of C.
lines() {
	awk -v count="$1" 'BEGIN { for (; count > 0; count--) print "\tx();" }'
}

# function_of COUNT: a function of that many lines, its braces included.
function_of() {
	echo 'static int long_one(int a,'
	echo '		    int b)'
	echo '{'
	lines $(($1 - 2))
	echo '}'
}

check="$tools/check-size $work/tree"

# shellcheck disable=SC2086 # a command and its argument
{
	tree
	lines 800 | put src/a.c
	accepts $check
	lines 801 | put src/a.c
	rejects 'src/a.c: 801 lines, 800 at most' $check

	echo 'src/a.c' | put tools/size-allow
	rejects 'tools/size-allow:1: an exception needs a reason' $check
	echo 'src/a.c # one table' | put tools/size-allow
	accepts $check
	lines 3 | put src/a.c
	rejects "tools/size-allow: 'src/a.c' is no longer needed" $check

	tree
	function_of 70 | put src/a.c
	accepts $check
	function_of 71 | put src/a.c
	rejects 'src/a.c:3: long_one has 71 lines, 70 at most' $check
	echo 'src/a.c long_one  # a switch' | put tools/size-allow
	accepts $check

	# Neither a table nor a brace in a comment or a string is a function.
	tree
	{
		echo 'static const int table[] = {'
		lines 100
		echo '};'
		echo '/*'
		echo '{'
		lines 100
		echo '}'
		echo '*/'
	} | put src/a.c
	accepts $check
}
