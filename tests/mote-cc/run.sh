#!/bin/sh
# tests/mote-cc/run.sh MOTE_CC SDK SOURCE-ROOT
#
# The compiler wrapper as a user meets it: by hand, in a Makefile, in CMake,
# moved and linked elsewhere. Looks at the programs but does not run them.
set -u
unset MOTE_CC

mote_cc=$1
sdk=$2
source=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/mote-cc test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# expect WHAT COMMAND...: it must succeed.
expect()
{
	what=$1
	shift
	if "$@" >out.log 2>&1; then
		return 0
	fi
	echo "FAILED: $what: $*"
	sed 's/^/	/' out.log
	failures=$((failures + 1))
	return 1
}

# says WHAT TEXT: the last command printed that.
says()
{
	grep -q -- "$2" out.log && return
	echo "FAILED: $1: no '$2' in:"
	sed 's/^/	/' out.log
	failures=$((failures + 1))
}

# refuse WHAT TEXT COMMAND...: it must fail and say TEXT.
refuse()
{
	what=$1
	text=$2
	shift 2
	if "$@" >out.log 2>&1; then
		echo "FAILED: $what succeeded: $*"
	elif ! grep -q -- "$text" out.log; then
		echo "FAILED: $what does not say '$text':"
		sed 's/^/	/' out.log
	else
		return 0
	fi
	failures=$((failures + 1))
}

# What holds for every guest: readelf sees the note, no segment that can be
# written and executed, nothing undefined, nothing of a dynamic linker.
check_elf()
{
	readelf -lW "$1" >program.txt &&
		readelf -nW "$1" >notes.txt 2>/dev/null &&
		readelf -SW "$1" >sections.txt &&
		grep -q "Mote  *0x00000020" notes.txt &&
		! grep -q "RWE" program.txt &&
		grep -q "GNU_STACK.* RW " program.txt &&
		! grep -q "INTERP" program.txt &&
		! grep -q "GNU_RELRO" program.txt &&
		grep -q "NT_GNU_BUILD_ID" notes.txt &&
		test -z "$(nm -u "$1" | grep -v ' w ')"
}

# rows FILE TABLE COUNT: the table has that many rows of 256 bytes.
rows()
{
	size=$(readelf -SW "$1" | sed -n "s/.* $2  *PROGBITS  *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\).*/\1/p")
	test "$((0x${size:-0}))" -eq $(($3 * 256))
}

is_pie()
{
	readelf -hW "$1" | grep -q "Type: *DYN" &&
		! readelf -rW "$1" | grep "R_X86_64_" | grep -qv RELATIVE
}

not_pie()
{
	readelf -hW "$1" | grep -q "Type: *EXEC"
}

contains()
{
	grep -q -- "$2" "$1"
}

sources()
{
	cat >hello.c <<'END'
#include <immintrin.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include "shared.h"
#ifndef __MOTE__
#error __MOTE__
#endif
#ifdef __GLIBC__
#error glibc
#endif
MOTE_EXPORT(string, SayHello, (string, name))
{
	printf("%f\n", sqrt(GetNumber()));
	return mote_format("Hello %s %d", name, other());
}
END
	cat >shared.h <<'END'
#include <mote_guest.h>
MOTE_IMPORT(f64, GetNumber, void);
MOTE_POST(Log, (i32, level), (string, text));
int other(void);
END
	cat >other.c <<'END'
#include "shared.h"
int other(void) { Log(1, "other"); return (int)GetNumber(); }
MOTE_EXPORT(void, Nothing, void) { }
END
	cat >plain.c <<'END'
#include <stdio.h>
int main(void) { puts("plain"); return 0; }
END
	cat >Makefile <<'END'
CFLAGS = -O2 -Wall -Werror
LDLIBS = -lm
hello.elf: hello.o other.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
hello.o other.o: shared.h
plain: plain.o
END
}

test_simple()
{
	for flags in "-O0" "-O2 -g" "-O3 -march=x86-64-v3" \
		"-Os -ffunction-sections -fdata-sections -Wl,--gc-sections" \
		"-O2 -flto" "-O2 -fPIC" "-O2 -fstack-protector-strong" \
		"-std=c99 -pedantic" "-std=c11 -pedantic" "-std=gnu2x"; do
		rm -f hello.elf
		# shellcheck disable=SC2086 # several flags
		expect "$flags" "$mote_cc" $flags -Wall -Wextra -Werror \
			hello.c other.c -o hello.elf || continue
		expect "$flags: ELF" check_elf hello.elf
		expect "$flags: not PIE" not_pie hello.elf
		expect "$flags: exports" rows hello.elf mote_exports 2
		# Both files include the header.
		expect "$flags: imports" rows hello.elf mote_imports 4
	done
	rm -f a.out
	expect "a.out" "$mote_cc" plain.c
	expect "a.out: ELF" check_elf a.out
	expect "a.out: no exports" rows a.out mote_exports 0
}

test_pie()
{
	for flags in -static-pie -pie "-fPIE -pie" "-static -static-pie"; do
		rm -f pie.elf
		# shellcheck disable=SC2086 # several flags
		expect "$flags" "$mote_cc" -O2 $flags hello.c other.c \
			-o pie.elf || continue
		expect "$flags: ELF" check_elf pie.elf
		expect "$flags: PIE" is_pie pie.elf
		expect "$flags: exports" rows pie.elf mote_exports 2
		expect "$flags: imports" rows pie.elf mote_imports 4
	done
	# In two steps, and without main, exports or imports.
	echo 'int nothing;' >empty.c
	expect "-fPIE -c" "$mote_cc" -fPIE -c empty.c
	expect "-static-pie empty" "$mote_cc" -static-pie empty.o -o empty.elf
	expect "empty: ELF" check_elf empty.elf
	expect "-pie -no-pie" "$mote_cc" -pie -no-pie empty.c -o empty.elf
	expect "-pie -no-pie: not PIE" not_pie empty.elf
}

test_steps()
{
	expect "-c" "$mote_cc" -O2 -c hello.c
	expect "-c -o" "$mote_cc" -O2 -c other.c -o "other file.o"
	expect "objects" "$mote_cc" -o steps.elf hello.o "other file.o" -lm
	expect "objects: ELF" check_elf steps.elf
	expect "-S" "$mote_cc" -S hello.c -o hello.s
	expect "-E" "$mote_cc" -E hello.c
	says "-E: musl" musl
	expect "-M" "$mote_cc" -M hello.c
	says "-M: dependency" mote_guest.h
	expect "-MMD" "$mote_cc" -MMD -MF dep.d -c hello.c -o hello.o
	expect "-MMD: shared.h" contains dep.d shared.h
	expect "-fsyntax-only" "$mote_cc" -fsyntax-only hello.c
	expect "assembly" "$mote_cc" hello.s other.c -o asm.elf
	expect "assembly: ELF" check_elf asm.elf
	expect "library" ar rc libother.a "other file.o"
	expect "static library" "$mote_cc" hello.c -L. -lother -lm -lpthread \
		-ldl -lrt -lc -o lib.elf
	expect "static library: exports" rows lib.elf mote_exports 2
	expect "-r" "$mote_cc" -r hello.o "other file.o" -o both.o
	expect "-r result" "$mote_cc" both.o -o both.elf
	expect "-r: ELF" check_elf both.elf
	# shellcheck disable=SC2016 # for the inner shell
	expect "-x c -" sh -c '"$1" -x c - -o stdin.elf <plain.c' sh "$mote_cc"
	expect "-x c -: ELF" check_elf stdin.elf
	cp plain.c plain.txt
	expect "-xc" "$mote_cc" -xc plain.txt -o xc.elf
	expect "response file" sh -c 'echo "-O2 hello.c \"other file.o\"" >args'
	expect "@args" "$mote_cc" @args -o response.elf
	expect "@args: ELF" check_elf response.elf
	echo "-c plain.c -o plain.o" >args
	expect "@args with -c" "$mote_cc" @args
	expect "@args with -c: object" sh -c 'readelf -h plain.o | grep -q REL'
	expect "-D with blanks" "$mote_cc" "-DTEXT=\"a b * \\\\n\"" \
		-DSTAR=* plain.c -o blanks.elf
	expect "-v without files" "$mote_cc" -v
	expect "-dumpmachine" "$mote_cc" -dumpmachine
	says "-dumpmachine: x86_64" x86_64
}

test_errors()
{
	refuse "-shared" "-shared: a guest cannot" \
		"$mote_cc" -shared hello.c -o hello.so
	echo "-O2 -shared" >args
	refuse "@args with -shared" "-shared: a guest cannot" \
		"$mote_cc" @args hello.c -o hello.so
	refuse "-m32" "guests of mote-cc are 64-bit" "$mote_cc" -m32 plain.c
	for flags in -fsanitize=address -fsanitize=undefined -pg --coverage \
		-fprofile-arcs -fprofile-generate -fopenmp; do
		for step in "" -c; do
			# shellcheck disable=SC2086 # none or one
			refuse "$flags $step" "^mote-cc: error: $flags: " \
				"$mote_cc" $flags $step plain.c -o refused
			[ "$(wc -l <out.log)" -eq 1 ] ||
				expect "$flags $step: one line" false
		done
	done
	expect "UBSan that traps" "$mote_cc" -O2 -fsanitize=undefined \
		-fsanitize-undefined-trap-on-error plain.c -o trap.elf
	expect "UBSan that traps: ELF" check_elf trap.elf
	for flag in --ta --targ --target --target- --target-hel --targe=x; do
		refuse "$flag" "^mote-cc: error: $flag: write --target=" \
			"$mote_cc" $flag aarch64 plain.c -o refused
	done
	echo "--target x86_64" >args
	refuse "@args with --target" "write --target=" "$mote_cc" @args plain.c
	echo "--target=x86_64" >args
	refuse "@args with --target=" "not in a response file" \
		"$mote_cc" @args plain.c
	expect "--target-help" "$mote_cc" --target-help
	expect "--target as a value" "$mote_cc" -c plain.c -o --target
	expect "-fopenmp-simd" "$mote_cc" -fopenmp-simd -c plain.c
	refuse "no input" "no input files" "$mote_cc"
	refuse "missing file" "absent.c" "$mote_cc" absent.c
	refuse "unknown option" "unrecognized" "$mote_cc" -funknown plain.c
	refuse "no compiler" "cannot run the compiler 'nosuchcc'" \
		env MOTE_CC=nosuchcc "$mote_cc" plain.c
	echo 'int absent(void); int main(void) { return absent(); }' >undef.c
	refuse "undefined symbol" "absent" "$mote_cc" undef.c
	echo '#include <bits/libc-header-start.h>' >glibc.c
	refuse "glibc header" "No such file" "$mote_cc" -c glibc.c
}

# header WHAT TEXT DECLARATION: the compiler must refuse it and say TEXT.
header()
{
	printf '#include <mote_guest.h>\n%s\n' "$3" >header.c
	refuse "$1" "$2" "$mote_cc" -std=c11 -c header.c
}

# header_first WHAT TEXT DECLARATION: and in the first line of all errors.
header_first()
{
	header "$1" "$2" "$3" || return
	for compiler in gcc clang g++; do
		command -v $compiler >/dev/null || continue
		language=c
		[ $compiler != g++ ] || language=c++
		MOTE_CC=$compiler "$mote_cc" -x $language -c header.c 2>&1 |
			grep -m 1 'error:' >first.log
		grep -q -- "$2" first.log && continue
		echo "FAILED: $1: $compiler says first:"
		cat first.log
		failures=$((failures + 1))
	done
}

test_header_types()
{
	results="is not a type of Mote results: void i32 u32 i64 u64 f32 f64"
	parameters="is not a type of Mote parameters: i32 u32 i64 u64 f32 f64"
	header_first "int result" "(int) $results" \
		"MOTE_EXPORT(int, F, (i32, a)) { return a; }"
	header_first "result of two words" "(unsigned long) $results" \
		"MOTE_EXPORT(unsigned long, F, void) { return 0; }"
	header_first "pointer result" "(const char \*) $results" \
		"MOTE_IMPORT(const char *, F, void);"
	header_first "int parameter" "(int) $parameters" \
		"MOTE_EXPORT(i32, F, (i32, a), (int, b)) { return a + b; }"
	header_first "u8 parameter" "(u8) $parameters" \
		"MOTE_IMPORT(void, F, (u8, a));"
	header_first "void parameter" "(void) $parameters" \
		"MOTE_EXPORT(void, F, (void, x)) { }"
	header_first "posted char *" "(char \*) $parameters" \
		"MOTE_POST(F, (char *, x));"
	header_first "empty parentheses" "() $parameters.* or void" \
		"MOTE_EXPORT(void, F, ()) { }"
	header_first "no name" "written (type, name)" \
		"MOTE_EXPORT(void, F, (i32)) { }"
	header_first "two names" "written (type, name)" \
		"MOTE_IMPORT(void, F, (i32, a, b));"
	header_first "mistyped" "(strng) $results" \
		"MOTE_IMPORT(strng, F, void);"
}

test_header_errors()
{
	many=$(for i in 1 2 3 4 5 6 7 8 9 10 11; do
		printf ', (i32, a%d), (i32, b%d), (i32, c%d)' $i $i $i
	done)
	long=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	header "33 parameters" "a Mote import has more than 32 parameters" \
		"MOTE_IMPORT(void, F$many);"
	header "33 parameters" "a Mote export has more than 32 parameters" \
		"MOTE_EXPORT(void, F$many) {}"
	header "name of 64" "import is longer than 63 bytes" \
		"MOTE_IMPORT(void, ${long}_${long}_, void);"
	header "names too long" "names of a Mote import are longer than 127" \
		"MOTE_IMPORT(void, F, (i32, ${long}1), (i32, ${long}2),
			(i32, ${long}3), (i32, ${long}4));"
	header "unknown type" "mote_type_strng" \
		"MOTE_IMPORT(void, F, (strng, a));"
	header "unknown result" "mote_type_strng" "MOTE_IMPORT(strng, F, void);"
	header "no parentheses" "(type, name) pairs, or void" \
		"MOTE_IMPORT(void, F, i32, a);"
	header "twice" "redefinition" \
		"MOTE_EXPORT(void, F, void) {} MOTE_EXPORT(void, F, void) {}"
	printf '#include <mote_guest.h>\nMOTE_EXPORT(void, %s, void) {}\n' \
		"${long}_${long}" >name63.c
	expect "name of 63" "$mote_cc" -c name63.c
	cp other.c same.c
	refuse "two exports of one name" "mote_export_Nothing" \
		"$mote_cc" hello.c other.c same.c
}

# Of the header, by whichever project the SDK is built.
test_version()
{
	mkdir -p tree/include/mote
	cp -R "$source/guest" "$source/cmake" "$source/abi" tree
	sed 's/^\(#define MOTE_VERSION_STRING\) .*/\1 "9.8.7"/' \
		"$source/include/mote/version.h" >tree/include/mote/version.h
	expect "the SDK alone" cmake -S tree/guest -B alone \
		-G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release
	expect "its --version" alone/sdk/bin/mote-cc --version
	says "its --version" "^mote-cc 9\\.8\\.7"
}

test_print_flags()
{
	expect "--version" "$mote_cc" --version
	says "--version: text" "mote-cc [0-9]"
	expect "--help" "$mote_cc" --help
	says "--help: text" "^Usage: mote-cc"
	expect "--print-flags" "$mote_cc" --print-flags
	for word in -nostdinc -static -nostdlib libmote_guest.a mote_crt.o \
		-D__MOTE__=1 -fno-pie; do
		says "--print-flags: $word" "$word"
	done
	expect "--print-flags -pie" "$mote_cc" --print-flags -static-pie
	says "--print-flags -pie: -fPIE" "^-fPIE$"
	# They are good for calling the compiler by hand.
	"$mote_cc" --print-flags=compile >compile.txt
	# shellcheck disable=SC2016 # for the inner shell
	expect "one flag a line" sh -c 'IFS="
"; exec gcc $(cat compile.txt) -c plain.c -o by-hand.o'
}

test_make()
{
	expect "make" make CC="$mote_cc" hello.elf plain
	expect "make: ELF" check_elf hello.elf
	expect "make: plain" check_elf plain
	touch shared.h
	expect "make again" make CC="$mote_cc" hello.elf
}

test_cmake()
{
	command -v cmake >/dev/null || return 0
	mkdir -p project
	cp hello.c other.c shared.h plain.c project
	cat >project/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(guests C)
include(CheckFunctionExists)
check_function_exists(qsort_r HAVE_QSORT_R)
add_library(other STATIC other.c)
add_executable(hello hello.c)
target_link_libraries(hello PRIVATE other m)
add_executable(plain plain.c)
END
	# By compiler, and by toolchain file.
	expect "cmake by compiler" cmake -S project -B by-compiler \
		-G "Unix Makefiles" -DCMAKE_C_COMPILER="$mote_cc"
	expect "cmake --build" cmake --build by-compiler
	expect "cmake: ELF" check_elf by-compiler/hello
	expect "cmake by toolchain" cmake -S project -B by-toolchain \
		-G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release \
		-DCMAKE_TOOLCHAIN_FILE="$sdk/cmake/mote-guest.cmake"
	expect "cmake --build" cmake --build by-toolchain
	expect "toolchain: ELF" check_elf by-toolchain/hello.elf
	expect "toolchain: plain" check_elf by-toolchain/plain.elf
	expect "check_function_exists" grep -q "HAVE_QSORT_R:INTERNAL=1" \
		by-toolchain/CMakeCache.txt
}

# Installed layout, a prefix with a blank, called through symbolic links.
test_moved()
{
	mkdir -p "pre fix/bin" "pre fix/lib/mote/guest" links/deep
	cp "$mote_cc" "pre fix/bin/mote-cc"
	cp -R "$sdk/include" "$sdk/lib" "$sdk/cmake" "pre fix/lib/mote/guest"
	ln -s "../../pre fix/bin/mote-cc" links/deep/one
	ln -s deep/one links/mote-cc
	expect "moved" links/mote-cc hello.c other.c -o moved.elf
	expect "moved: ELF" check_elf moved.elf
	expect "moved: its own SDK" links/mote-cc --print-flags
	says "moved: its own SDK" \
		"^$(pwd -P)/pre fix/lib/mote/guest/lib/mote_crt.o$"
	expect "by PATH" env "PATH=$work/links:$PATH" mote-cc plain.c
	# This copy has no other architectures.
	[ "$(uname -m)" = aarch64 ] ||
		refuse "moved: no aarch64" \
			"make' adds it, and 'make install' to an installed" \
			links/mote-cc --target=aarch64 -c hello.c
	rm -rf "pre fix/lib"
	refuse "no SDK" "no guest SDK near" links/mote-cc plain.c
}

test_clang()
{
	command -v clang >/dev/null || return 0
	MOTE_CC=clang
	export MOTE_CC
	test_simple
	test_pie
	expect "clang --version" "$mote_cc" --version
	says "clang" clang
	expect "clang link only" "$mote_cc" -c -O2 hello.c other.c
	expect "clang link only" "$mote_cc" -Werror hello.o other.o -o c.elf
	expect "clang -S" "$mote_cc" -O2 -S hello.c
	expect "clang assembly" "$mote_cc" -Werror -c hello.s
	unset MOTE_CC
}

test_cxx()
{
	command -v g++ >/dev/null || return 0
	# extern "C" is only for the exports' rows and the runtime.
	sed 's/^int other(void);/extern "C" int other(void);/' shared.h >cxx.h
	sed 's/shared.h/cxx.h/; /stdatomic/d' hello.c >hello.cpp
	for std in c++11 c++17 c++20; do
		expect "$std" "$mote_cc" -x c++ -std=$std -Wall -Wextra \
			-Werror -O2 -fno-exceptions -fno-rtti hello.cpp \
			-c -o hello.o
	done
	expect "c++ with c" "$mote_cc" -O2 -fno-exceptions -fno-rtti \
		hello.cpp other.c -o cxx.elf
	expect "c++ with c: ELF" check_elf cxx.elf
	expect "c++ with c: exports" rows cxx.elf mote_exports 2
}

sources
for part in simple pie steps errors header_types header_errors print_flags \
	version make cmake moved clang cxx; do
	test_$part
done
if [ $failures -gt 0 ]; then
	echo "$failures failures"
	exit 1
fi
echo "all passed"
