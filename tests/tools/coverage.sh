# shellcheck shell=sh
# tools/coverage, from what gcovr found on; sourced by run.sh.

# data COUNT: a line whose second branch was taken so often.
data() {
	put cov.json <<END
{"files": [{"file": "src/arch/a.c", "lines": [
{"line_number": 1, "count": 0, "branches": [], "gcovr/noncode": true},
{"line_number": 3, "count": 5, "gcovr/noncode": false, "branches": [
{"count": 5}, {"count": $1}]}]},
{"file": "src/base/b.c", "lines": []}]}
END
}

check="$tools/coverage --root $work/tree --from cov.json"

# shellcheck disable=SC2086 # a command and its arguments
{
	tree
	printf 'int f(int a)\n{\n\treturn a ? 1 : 2;\n}\n' | put src/arch/a.c
	data 1
	tells 'src/arch/a.c                           1/1     100 %     2/2     100 %' \
		$check
	data 0
	tells 'a.c:3: 1 of 2 branches not taken: return a ? 1 : 2;' \
		$check --least 50
	rejects 'less than 100 % of the branches of src/arch' $check
	rejects 'less than 51 % of the branches' $check --least 51
	tells 'a.c:3: 1 of 2 branches not taken' $check --least 0 src/arch/
	# What is only data has nothing to reach.
	data 1
	echo 'const int b[] = { 1 };' | put src/arch/b.c
	tells '100 %' $check
	printf 'int g(void)\n{\n\treturn 1;\n}\n' | put src/arch/c.c
	rejects 'src/arch/c.c: not compiled, or no test runs it' $check
	rejects 'there is no source below src/none' $check src/none
}
