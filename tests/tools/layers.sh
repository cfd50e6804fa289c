# shellcheck shell=sh
# tools/check-layers; sourced by run.sh.

# layered FILE INCLUDE...: a tree with some headers and one more file.
layered() {
	tree
	for header in base/checked.h arch/arch.h arch/amd64/pt.h mem/region.h \
		mem/memory.h os/os.h hv/hv.h hv/kvm/kvm.h hv/soft/soft.h \
		elf/elf.h elf/parse.h call/codec.h sandbox/sandbox.h \
		snap/state.h; do
		: | put "src/$header"
	done
	: | put abi/call.h
	: | put include/mote/error.h
	: | put include/mote/mote.h
	file=$1
	shift
	for header in "$@"; do
		echo "#include $header"
	done | put "$file"
}

check="$tools/check-layers $work/tree"

# shellcheck disable=SC2086 # a command and its argument
{
	layered src/sandbox/run.c '"hv/hv.h"' '"mem/memory.h"' '<mote/error.h>' \
		'"abi/call.h"' '<sys/mman.h>'
	accepts $check

	layered src/mem/layout.c '"sandbox/sandbox.h"'
	rejects 'src/mem/layout.c:1: may not include sandbox/sandbox.h' $check

	layered src/mem/layout.c '"arch/arch.h"' '"arch/amd64/pt.h"'
	rejects 'src/mem/layout.c:2: may not include arch/amd64/pt.h' $check

	echo 'src/mem/layout.c arch/amd64/pt.h # for a while' |
		put tools/layers-allow
	accepts $check
	echo 'src/mem/layout.c arch/amd64/boot.h # not true' \
		>>tools/layers-allow
	rejects "boot.h' is no longer needed" $check

	layered src/hv/kvm/vm.c '"hv/hv.h"' '"hv/kvm/kvm.h"'
	accepts $check

	layered src/hv/kvm/vm.c '"hv/soft/soft.h"'
	rejects 'may not include hv/soft/soft.h' $check

	layered src/hv/kvm/vm.c '"mem/memory.h"'
	rejects 'may not include mem/memory.h' $check

	layered src/hv/backends.c '"hv/kvm/kvm.h"' '"hv/soft/soft.h"'
	accepts $check

	layered src/elf/parse.c '"elf/parse.h"' '"base/checked.h"'
	accepts $check

	layered src/elf/parse.c '<unistd.h>'
	rejects 'is pure and includes <unistd.h>' $check

	layered src/call/codec.c '"mem/memory.h"'
	rejects 'may not include mem/memory.h' $check

	layered src/elf/place.c '<mote/mote.h>'
	rejects 'may not include mote/mote.h' $check

	layered src/mem/layout.c '"../base/checked.h"'
	rejects 'no ../ in includes' $check

	layered src/other/new.c '"base/checked.h"'
	rejects 'is in a folder that the table' $check

	layered src/mem/layout.c '"mem/missing.h"'
	rejects 'not below src/ or abi/' $check

	layered cli/main.c '<mote/mote.h>' '<stdio.h>'
	accepts $check

	layered cli/main.c '"abi/call.h"'
	rejects 'cli/main.c:1: may not include abi/call.h' $check

	layered examples/hello.c '"elf/elf.h"'
	rejects 'may not include elf/elf.h' $check

	layered abi/note.h '<stdio.h>'
	rejects 'abi/ stands alone' $check

	layered include/mote/extra.h '"abi/call.h"'
	rejects 'public headers stand alone' $check

	layered guest/rt/start.c '"abi/call.h"' '"arch/amd64/pt.h"'
	accepts $check

	layered guest/rt/start.c '<mote/error.h>'
	rejects 'guests know abi/ only' $check

	# Commented out is not included.
	layered src/mem/layout.c '"mem/memory.h"'
	echo '/* #include "sandbox/sandbox.h" */' >>src/mem/layout.c
	accepts $check

	# Each of the two is allowed; together they are a cycle.
	layered src/snap/state.c '"mem/memory.h"'
	echo '#include "snap/state.h"' >src/mem/memory.h
	rejects 'include each other: mem -> snap -> mem' $check
}
