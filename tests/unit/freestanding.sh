#!/bin/sh
# freestanding.sh SOURCE-ROOT COMPILER...
#
# The page tables' code is for guests too: it compiles without a libc, for
# every architecture that there is a compiler for, and calls nothing that is
# not its own, not even memcpy or a division.
set -eu

root=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compiled=0

# compile COMMAND...
compile() {
	for level in -O0 -O2; do
		for file in "$root"/src/arch/pt*.c "$root"/src/arch/*/pt.c; do
			"$@" "$level" -std=gnu11 -ffreestanding -nostdinc \
				-isystem "$("$@" -print-file-name=include)" \
				-Wall -Wextra -Werror -fno-stack-protector \
				-I "$root/src" -c "$file" -o "$work/object.o"
			nm -u "$work/object.o" >"$work/needs"
			if grep -v -e ' mti_pt_' -e _GLOBAL_OFFSET_TABLE_ \
				"$work/needs"; then
				echo "$*: $file needs that"
				exit 1
			fi
			compiled=$((compiled + 1))
		done
	done
}

for compiler in "$@"; do
	compile "$compiler"
done
if [ "$(uname -m)" = x86_64 ]; then
	for compiler in "$@"; do
		compile "$compiler" -m32
	done
fi
# One compiler for all, without any system's headers.
if command -v clang >/dev/null 2>&1; then
	for target in x86_64 i686 aarch64; do
		compile clang "--target=$target-none-elf"
	done
else
	echo "not compiled with clang: there is none"
fi
if command -v aarch64-linux-gnu-gcc >/dev/null 2>&1; then
	compile aarch64-linux-gnu-gcc
else
	echo "not compiled for aarch64: there is no aarch64-linux-gnu-gcc"
fi
echo "$compiled objects need nothing"
