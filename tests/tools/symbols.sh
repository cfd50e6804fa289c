# shellcheck shell=sh
# tools/check-symbols; sourced by run.sh.

# A tree and libraries that agree: one function. $1 more C, $2 more map.
library() {
	tree
	: | put tests/unit/test_abi.c
	echo 'MOTE_API int mote_call(int x);' | put include/mote/mote.h
	echo 'mote_call@@MOTE_0.1' | put symbols/libmote.txt
	echo "MOTE_0.1 { global: mote_call; $2 local: *; };" |
		put symbols/libmote.map
	{
		echo 'int mote_call(int x);'
		echo 'int mote_call(int x) { return x; }'
		echo "$1"
	} | put lib/a.c
	(cd lib && cc -fPIC -c a.c && ar rc libmote.a a.o &&
		cc -shared -o libmote.so a.o \
			-Wl,--version-script=../symbols/libmote.map) || exit 1
}

check="$tools/check-symbols $work/tree $work/tree/lib"

# shellcheck disable=SC2086 # a command and its arguments
{
	library '' ''
	accepts $check

	library 'int mti_secret(void) { return 1; }' 'mti_secret;'
	rejects 'mti_secret@@MOTE_0.1 is exported by libmote.so but not' $check

	library 'int mti_secret(void) { return 1; }' ''
	accepts $check

	library 'int helper(void) { return 1; }' ''
	rejects 'libmote.a defines helper' $check

	library '' ''
	echo 'MOTE_API void mote_more(void);' >>include/mote/mote.h
	rejects 'mote_more is declared in include/mote but not' $check

	library '' ''
	: | put include/mote/mote.h
	rejects 'mote_call is in symbols/libmote.txt but not declared' $check

	library '' 'mote_gone;'
	rejects 'mote_gone@@MOTE_0.1 is in symbols/libmote.map but not' $check

	library '' ''
	{
		printf 'typedef struct mote_a {\n\tint x, y;\n} mote_a;\n'
		printf 'struct mote_b {\n\tchar z[2];\n};\n'
		printf 'typedef struct mote_c {\n\tint (*f)(int a);\n} mote_c;\n'
	} >>include/mote/mote.h
	{
		echo 'LAYOUT(mote_a, 8, y, 4);'
		echo 'LAYOUT(mote_b, 2, z, 0);'
		echo 'LAYOUT(mote_c, 8, f, 0);'
	} >tests/unit/test_abi.c
	accepts $check
	sed -i 's/, f, /, x, /' tests/unit/test_abi.c
	rejects 'mote_c.f is the end of a struct in include/mote but not' $check
	: >tests/unit/test_abi.c
	rejects 'mote_a.y is the end of a struct in include/mote but not' $check

	library '' ''
	echo 'mote_gone@@MOTE_0.1' >>symbols/libmote.txt
	rejects 'but not exported by libmote.so' $check
}
