#!/bin/sh
# run.sh SOURCE-ROOT [BUILD-ROOT]
#
# What `make install` installs, into a prefix, used as a stranger would: each
# header alone, C and C++ programs through pkg-config and through
# find_package, shared and static, a guest compiled and called. Then once
# more after the prefix has moved.
#
# With a BUILD-ROOT, what is built there without optimisation, for other
# folders of commands, libraries and programs than make install has.
set -eu
unset MOTE_CC

source=$1
build=${2:-$source/build-release}
bindir=bin
libexecdir=libexec
version=$(sed -n 's/^#define MOTE_VERSION_STRING "\(.*\)"/\1/p' \
	"$source/include/mote/version.h")
# The major number, or before 1.0, which promises nothing from one minor
# version to the next, that too.
soname=libmote.so.$(echo "$version" | sed 's/^0\.\([0-9]*\)\..*/0.\1/
	s/^\([1-9][0-9]*\)\..*/\1/')
use=$source/tests/install/use
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() {
	echo "FAILED: $*"
	exit 1
}

# quietly COMMAND...: its output only when it fails.
quietly() {
	if ! "$@" >"$work/log" 2>&1; then
		cat "$work/log"
		die "$*"
	fi
}

# make_install NAME=VALUE...: what a `make check` around this was told is not
# for it, and tests that measure time come before its compilers.
make_install() {
	quietly env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES \
		nice make -C "$source" install "$@"
}

# What is installed or run is what was built.
check_presets() {
	for goal in install fuzz; do
		env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES \
			make -n -C "$source" $goal PRESET=asan >"$work/goal"
		grep -q 'tools/build asan$' "$work/goal" ||
			die "make $goal PRESET=asan does not build asan"
		tail -n 2 "$work/goal" | grep -Eq '(install |	|^)build-asan[ /]' ||
			die "make $goal PRESET=asan does not use build-asan"
	done
}

# Into a folder that the loader does not search, which is said.
install_into() {
	make_install PREFIX="$1"
	libdir=$(sed -n 's/^CMAKE_INSTALL_LIBDIR:[A-Z]*=//p' \
		"$build/CMakeCache.txt")
	grep -q "find $soname, set LD_LIBRARY_PATH=$1/$libdir\$" \
		"$work/log" ||
		die "install does not tell of LD_LIBRARY_PATH"
}

# Nothing may be found but what was installed. Warnings are strict: what we
# install must be clean in anyone's build.
strict='-Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror'

# Each public header compiles alone, in the languages that are promised.
check_headers() {
	for header in "$1"/include/mote/*.h; do
		name=mote/$(basename "$header")
		for language in c:c99 c:c11 c:c17 c++:c++17 c++:c++20; do
			printf '#include <%s>\n' "$name" "$name" \
				>"$work/header.c"
			echo 'extern int unused;' >>"$work/header.c"
			# shellcheck disable=SC2086 # options
			quietly cc -x "${language%%:*}" \
				-std="${language#*:}" $strict -I"$1/include" \
				-fsyntax-only "$work/header.c"
		done
	done
}

# runs PROGRAM [LIBRARY-PATH]: it reports the version of the headers.
runs() {
	LD_LIBRARY_PATH=${2:-} "$1" >"$work/out" 2>&1 || {
		cat "$work/out"
		die "$1 does not run"
	}
}

# pkg-config knows the prefix only from where mote.pc lies.
check_pkg_config() {
	prefix=$1
	PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
	export PKG_CONFIG_PATH
	flags=$(pkg-config --cflags mote)
	shared=$(pkg-config --libs mote)
	static=$(pkg-config --libs --static mote)
	case $static in
	*-pthread*) ;;
	*) die "pkg-config --static leaves out -pthread: $static" ;;
	esac
	case $shared in
	*-pthread*) die "pkg-config adds private libraries: $shared" ;;
	esac
	# shellcheck disable=SC2086 # options
	{
		quietly cc -std=c11 $strict $flags "$use/user.c" \
			-o "$work/c-shared" $shared
		quietly c++ -std=c++17 $strict $flags "$use/user.cpp" \
			-o "$work/cpp-shared" $shared
		# -l:libmote.a: or the linker takes the shared library.
		static=$(echo "$static" | sed 's/-lmote/-l:libmote.a/')
		quietly cc -std=c11 $strict $flags "$use/user.c" \
			-o "$work/c-static" $static
		quietly c++ -std=c++17 $strict $flags "$use/user.cpp" \
			-o "$work/cpp-static" $static
	}
	for language in c cpp; do
		runs "$work/$language-shared" "$prefix/$libdir"
		runs "$work/$language-static"
		needs "$work/$language-shared" "$soname"
	done
	if readelf -d "$work/c-static" | grep -q libmote; then
		die "the static program needs libmote.so"
	fi
}

# needs PROGRAM LIBRARY
needs() {
	readelf -d "$1" | grep -q "NEEDED.*\[$2\]" ||
		die "$1 does not need $2"
}

check_find_package() {
	quietly cmake -G Ninja -S "$use" -B "$2" \
		-DCMAKE_PREFIX_PATH="$1" -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
	grep -q "^Mote_DIR:PATH=$1/" "$2/CMakeCache.txt" ||
		die "find_package found another Mote"
	quietly cmake --build "$2"
	for name in c-shared c-static cpp-shared cpp-static; do
		runs "$2/$name"
	done
}

# Nothing that was installed names the build, the source or the old prefix.
check_relocatable() {
	for path in "$build" "$source" "$2"; do
		if grep -rlF --exclude-dir=debug "$path/" "$1" \
			--include='*.pc' --include='*.cmake' --include='*.h' \
			--include='mote-cc*' >"$work/log"; then
			cat "$work/log"
			die "these name $path"
		fi
	done
	for file in "$1/$libdir"/libmote.so "$1/$bindir"/mote "$1/$libexecdir"/mote/mote-bench; do
		if readelf -d "$file" | grep -E 'R(UN)?PATH' |
			grep -vq 'ORIGIN'; then
			die "$file has an absolute run path"
		fi
	done
}

# What the linker was asked to do for the shared library.
check_library() {
	readelf -dlW "$1" >"$work/readelf"
	for want in "SONAME.*\\[$soname]" NODELETE 'BIND_NOW|FLAGS.* NOW' \
		GNU_RELRO; do
		grep -Eq "$want" "$work/readelf" || die "$1: no $want"
	done
	for bad in TEXTREL 'GNU_STACK.* RWE' 'LOAD.* RWE' RPATH RUNPATH; do
		if grep -Eq "$bad" "$work/readelf"; then
			die "$1 has $bad"
		fi
	done
}

# A library never prints, aborts or exits. That is in builds for tests only,
# which were installed once.
check_names() {
	bad='mti_memory_check|mti_check_restores|abort|exit|_exit|__assert_fail'
	bad="$bad|(__)?v?d?f?printf(_chk)?|perror|puts|fputs|fwrite"
	for file in "$1"/libmote.so "$1"/libmote.a "$1"/mote/*.so; do
		case $file in
		*/mote/\*.so) continue ;; # no Unicorn
		*.a) options= ;;
		*) options=--dynamic ;;
		esac
		# shellcheck disable=SC2086 # none, or one
		nm --format=posix $options "$file" >"$work/names" ||
			die "nm $file"
		grep -q '^snprintf\|^__snprintf_chk' "$work/names" ||
			die "$file: nm does not say what it uses"
		if grep -E "^($bad)(@[^ ]*)? " "$work/names"; then
			die "$file has these"
		fi
	done
}

check_subproject() {
	quietly cmake -G Ninja -S "$source/tests/install/subproject" -B "$1" \
		-DMOTE_SOURCE="$source"
	quietly cmake --build "$1"
	runs "$1/user-shared"
	runs "$1/user-static"
}

# The commands. mote-bench needs the shared library, and finds it itself.
check_commands() {
	quietly "$1/$bindir/mote" --version
	said=$("$1/$bindir/mote" bench --slow 2>&1) &&
		die "mote bench --slow: $said"
	case $said in
	mote-bench:*--slow*) ;;
	*) die "mote bench does not find mote-bench: $said" ;;
	esac
	quietly "$1/$bindir/mote-cc" -O2 -Wall -Wextra -Werror \
		"$use/guest.c" -o "$work/guest.elf"
	check_toolchain "$1"
	if [ "$(uname -m)" = x86_64 ]; then
		check_kernel "$1"
	fi
	quietly "$1/$bindir/mote" inspect "$work/guest.elf"
	check_run "$1"
}

# The toolchain file of the SDK finds the compiler beside it.
check_toolchain() {
	rm -rf "$work/guest-project"
	mkdir "$work/guest-project"
	{
		echo 'cmake_minimum_required(VERSION 3.25)'
		echo 'project(guest LANGUAGES C)'
		echo "add_executable(guest \"$use/guest.c\")"
	} >"$work/guest-project/CMakeLists.txt"
	quietly cmake -G Ninja -S "$work/guest-project" \
		-B "$work/guest-project/build" -DCMAKE_TOOLCHAIN_FILE="$(
			pkg-config --variable=guestincludedir mote
		)/../cmake/mote-guest.cmake"
	found=$(sed -n 's/^MOTE_CC_PROGRAM:[A-Z]*=//p' \
		"$work/guest-project/build/CMakeCache.txt")
	[ "$(realpath "$found")" = "$(realpath "$1/$bindir/mote-cc")" ] ||
		die "the toolchain file finds $found"
	quietly cmake --build "$work/guest-project/build"
}

# The header of bare guests, for both sizes of pointers.
check_kernel() {
	include=$(pkg-config --variable=guestincludedir mote)
	case $include in
	"$1"/*) ;;
	*) die "pkg-config: guestincludedir is $include" ;;
	esac
	for bits in 32 64; do
		# shellcheck disable=SC2086 # options
		quietly cc -m$bits -O1 -ffreestanding -fno-pic $strict \
			-fno-stack-protector -nostdlib -static \
			-Wl,-Ttext-segment=0x100000,-z,max-page-size=4096 \
			-Wl,--build-id=none -I"$include" \
			-o "$work/kernel$bits.elf" "$use/kernel.c"
		quietly "$1/$bindir/mote" inspect "$work/kernel$bits.elf"
		grep -q 'kind *bare, starts in' "$work/log" ||
			die "kernel$bits.elf is no bare guest"
	done
}

check_run() {
	if [ "${MOTE_REQUIRE_HV:-}" != kvm ]; then
		echo "not run: the guest, for want of a hypervisor"
		return 0
	fi
	answer=$(timeout -s KILL 20 "$1/$bindir/mote" run "$work/guest.elf" \
		Add 40 2) || die "mote run: $answer"
	[ "$answer" = 42 ] || die "mote run Add 40 2 says $answer"
}

# Where the links lead to, which need not be where they do in a clone.
check_documents() {
	doc=$1/share/doc/mote
	quietly "$source/tools/check-docs" "$doc"
	[ -e "$1/share/man/man3/mote_fail.3" ] || die "no page of mote_fail"
	[ -e "$1/share/man/man3/mote_batch_item.3" ] ||
		die "no page of mote_batch_item"
	[ -e "$1/share/man/man1/mote-cc-aarch64.1" ] ||
		die "no page of mote-cc-aarch64"
}

check_all() {
	check_headers "$1"
	check_pkg_config "$1"
	check_find_package "$1" "$2"
	check_commands "$1"
}

# All of it deeper than it is by default.
check_elsewhere() {
	bindir=commands/bin
	# find_package looks there too, on Debian.
	libdir=lib/$(cc -print-multiarch)
	libexecdir=private/programs
	quietly nice cmake -G Ninja -S "$source" -B "$build" \
		-DCMAKE_BUILD_TYPE=Debug -DMOTE_HARDENING=OFF \
		-DMOTE_TESTS=OFF -DMOTE_FUZZ=OFF -DMOTE_EXAMPLES=OFF \
		-DCMAKE_INSTALL_BINDIR=$bindir \
		-DCMAKE_INSTALL_LIBDIR="$libdir" \
		-DCMAKE_INSTALL_LIBEXECDIR=$libexecdir
	quietly nice cmake --build "$build"
	quietly "$source/tools/install" "$build" "$1"
	check_pkg_config "$1"
	check_find_package "$1" "$work/use-elsewhere"
	check_commands "$1"
	check_relocatable "$1" "$1"
	(cd "$1" && echo *) >"$work/folders"
	[ "$(cat "$work/folders")" = "commands include lib private share" ] ||
		die "not only there: $(cat "$work/folders")"
}

if [ $# -gt 1 ]; then
	check_elsewhere "$work/elsewhere"
	exit 0
fi

check_presets
install_into "$work/first"
check_all "$work/first" "$work/use-first"
check_documents "$work/first"
check_relocatable "$work/first" "$work/first"
check_library "$work/first/$libdir/libmote.so"
check_names "$work/first/$libdir"
check_subproject "$work/subproject"

mv "$work/first" "$work/moved"
check_pkg_config "$work/moved"
check_find_package "$work/moved" "$work/use-moved"
check_commands "$work/moved"

# DESTDIR puts the same files below another root.
make_install PREFIX=/opt/mote DESTDIR="$work/stage"
(cd "$work/stage/opt/mote" && find . | sort) >"$work/staged"
(cd "$work/moved" && find . | sort) >"$work/direct"
diff "$work/staged" "$work/direct" || die "DESTDIR installs other files"

echo "installed: $(grep -c . "$work/direct") files and folders"
