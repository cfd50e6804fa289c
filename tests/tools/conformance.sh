# shellcheck shell=sh
# tools/check-conformance; sourced by run.sh.

# page CELL [CELL]: two backends, two features.
page() {
	put docs/CONFORMANCE.md <<END
| feature | user amd64 |
|---|---|
| calls | $1 |
| none | \`vm.a\` |

| in a cell | meaning |
|---|---|
| anything | \`really\` |

## kvm on arm64

| feature | user aarch64 |
|---|---|
| calls | ${2-\`vm.some-calls\`} |
| none | - |
END
}

check="$tools/check-conformance $work/tree"

# shellcheck disable=SC2016 # backquotes of Markdown
# shellcheck disable=SC2086 # a command and its arguments
{
	tree
	printf 'void test_x(void)\n{\n}\nint a[] = { test_x };\n' |
		put tests/vm/test_some_calls.c
	printf 'void test_y(void)\n{\n}\n' | put tests/debug/core.c
	for name in a b b.memory b.file b.pool some-calls some-calls.soft; do
		echo "add_test(vm.$name true)"
	done | put b/CTestTestfile.cmake
	put tests/vm/CMakeLists.txt <<END
if(amd64)
	mote_add_vm_test(amd)
	set(machine_tests amd_machine)
else()
	set(machine_tests arm_machine)
endif()
foreach(name IN ITEMS slots LISTS machine_tests)
	mote_add_vm_test(\${name})
endforeach()
mote_add_vm_test(slow)
if(amd64)
	mote_add_vm_test(amd_too)
endif()
mote_add_vm_test(some-calls ORIGINS)

if(NOT TARGET mote-soft)
	return()
endif()
mote_add_vm_test(soft)
END
	put tools/test-qemu <<END
class Svm(Machine):
    left_out = ["vm.some-calls"]

class Arm64(Machine):
    left_out = ["vm.x",
                "vm.slow"]
END
	for cell in - '`vm.a`' '`vm.b`+' '`vm.a`, `vm.b`+; `vm.some-calls`' \
		'`vm.some-calls` `test_x`' '`vm.some-calls.soft` `test_x`'; do
		page "$cell"
		accepts $check b
	done
	for cell in '`vm.some-calls` `test_x`' '`vm.arm_machine`, `vm.slots`'; do
		page - "$cell"
		accepts $check b
		accepts $check
	done
	for name in amd amd_too amd_machine slow soft some-calls.soft c; do
		page - "\`vm.$name\`"
		rejects "14: calls: there is no test vm.$name" $check
	done
	page - -
	rejects '12: nothing is claimed of user aarch64' $check b
	page '`vm.a.aarch64`'
	accepts $check b
	page '`vm.b.soft`'
	rejects 'there is no test vm.b.soft' $check b
	page '`vm.c`'
	accepts $check
	rejects '3: calls: there is no test vm.c' $check b
	page '`vm.a`+'
	rejects 'there is no test vm.a.memory' $check b
	page '`vm.some-calls` `test_y`'
	rejects 'test_some_calls.c does not run test_y' $check
	page '`debug.core` `test_y`'
	rejects 'tests/debug/core.c does not run test_y' $check
	page '`vm.a` `test_x`'
	rejects '`test_x`: no source of a test before it' $check
	page '`test_x`'
	rejects 'no source of a test before it' $check
	page yes
	rejects "'yes' is not the name of a test" $check
	page ''
	rejects 'an empty cell' $check
	page '- | -'
	rejects '3: 3 cells, not 2' $check
	page -
	echo '| more | - |' >>docs/CONFORMANCE.md
	rejects 'not the features of the first table' $check
	printf '\n| feature of | x |\n|---|---|\n| walks | `vm.c` |\n' |
		cat - docs/CONFORMANCE.md | sed '/more/d' >page.md
	mv page.md docs/CONFORMANCE.md
	rejects '4: walks: there is no test vm.c' $check b
	echo nothing | put docs/CONFORMANCE.md
	rejects 'there is no table of features' $check
}
