# shellcheck shell=sh
# tools/check-claims; sourced by run.sh.

check="$tools/check-claims $work/tree"

# shellcheck disable=SC2016 # backquotes of Markdown
# shellcheck disable=SC2086 # a command and its argument
{
	tree
	printf 'void test_x(void)\n{\n}\nint a[] = { test_x };\n' |
		put tests/vm/test_a.c
	echo '| x | `test_a.c` `test_x` |, `tests/vm/test_a.c`' |
		put docs/SECURITY.md
	accepts $check
	echo '| x | `test_a.c` `test_y` |' | put docs/SECURITY.md
	rejects 'tests/vm/test_a.c does not run test_y' $check
	echo '| x | `test_b.c` `test_y` |' | put docs/SECURITY.md
	rejects 'there is no test_b.c below tests/' $check
	echo '`fuzz/none.c`' | put docs/SECURITY.md
	rejects 'fuzz/none.c: no such file' $check
}
