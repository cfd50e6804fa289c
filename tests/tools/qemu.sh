# shellcheck shell=sh
# tools/test-qemu on recorded consoles and with a fake emulator; sourced by
# run.sh.

# console FILE: a machine's console that ends with standard input.
console() {
	{
		printf '\033c\033[?7l\033[2J\033[0mSeaBIOS (version 1)\nBooting\n'
		printf '\033c\033[?7l\033[2J'
		cat
	} | sed 's/$/\r/' >"$1"
}

good='=== start vm.good
[==========] Running 2 test(s).
[ RUN      ] test_one
=== differs no #AC
[       OK ] test_one
[ RUN      ] test_fork
[==========] Running 1 test(s).
[ RUN      ] run_body
[       OK ] run_body
[==========] 1 test(s) run.
[       OK ] test_fork
[  PASSED  ] 2 test(s).
=== end vm.good status 0 after 3 s'

bad='=== start vm.bad
[ RUN      ] test_bad
[  ERROR   ] --- 1 != 2
[   LINE   ] --- a.c:3: error: Failure!
[  FAILED  ] test_bad
[ RUN      ] test_well
[       OK ] test_well
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] test_bad

 1 FAILED TEST(S)
=== end vm.bad status 1 after 2 s'

svm="$tools/test-qemu --replay log --junit xml svm"

# shellcheck disable=SC2086 # a command and its arguments
{
	tree
	echo "$good" | console log
	says '  vm.good: 2 passed, 1 expected differences; status 0 after 3 s
  differs: vm.good: no #AC
SVM in QEMU: 1 programs passed, 0 failed; 2 tests passed, 1 expected differences' \
		$svm vm.good
	says '1 passed, 0 failed, 0 skipped' "$tools/count-tests" xml

	# What fails is told once; others go on.
	printf '%s\n' "$bad" "$good" | console log
	rejects '  vm.bad: 1 passed, 1 failed; status 1 after 2 s
  vm.good: 2 passed, 1 expected differences; status 0 after 3 s
  differs: vm.good: no #AC
  FAILED: vm.bad test_bad
    [  ERROR   ] --- 1 != 2
    [   LINE   ] --- a.c:3: error: Failure!
SVM in QEMU: 1 programs passed, 1 failed; 3 tests passed, 1 expected differences' \
		$svm vm.bad vm.good
	says '1 passed, 1 failed, 0 skipped' "$tools/count-tests" xml

	# A crash, and the machine's end in the middle.
	console log <<'END'
=== start vm.crash
[ RUN      ] test_null
a.c:3: a thread gave up
=== end vm.crash signal 11 after 0 s
=== start vm.none
=== end vm.none status 0 after 0 s
=== start vm.hang
[ RUN      ] test_first
[       OK ] test_first
[ RUN      ] test_for_ever
END
	rejects '  FAILED: vm.crash: signal 11 after 0 s, in test_null
    a.c:3: a thread gave up
  FAILED: vm.none: status 0 after 0 s
  FAILED: vm.hang: did not end, in test_for_ever
  FAILED: vm.never: did not end
SVM in QEMU: 0 programs passed, 4 failed; 1 tests passed, 0 expected differences' \
		$svm vm.crash vm.none vm.hang vm.never
	says '0 passed, 4 failed, 0 skipped' "$tools/count-tests" xml
}

# A tree with two programs, a kernel, and an emulator that runs ./qemu.
machine_room() {
	tree
	mkdir tools build build/tests build/tests/vm
	cp "$tools/test-qemu" "$tools/debian.py" tools/
	for name in vm.bad vm.good; do
		cp /bin/true "build/tests/vm/$name"
		echo "add_test([=[$name]=] \"/x/$name\")"
	done >build/tests/vm/CTestTestfile.cmake
	image=build/svm/linux-image-9
	: | put "$image/boot/vmlinuz-9"
	for module in virt/lib/irqbypass arch/x86/kvm/kvm drivers/crypto/ccp/ccp \
		arch/x86/kvm/kvm-amd; do
		: | put "$image/lib/modules/9/kernel/$module.ko"
	done
	echo 'echo "  Depends: linux-image-9"' | fake apt-cache
	echo 'exit 100' | fake apt-get
	echo 'exit 0' | fake gcc
	echo 'cat >/dev/null' | fake cpio
	fake qemu-system-x86_64 <<'END'
cat qemu.1 && rm qemu.1 && [ -e qemu.2 ] && mv qemu.2 qemu.1
END
}

in_room() {
	PATH=$work/tree/fake:$PATH tools/test-qemu svm
}

# A machine that stops is booted again, once, for what is left.
machine_room
printf '%s\n=== start vm.good\n[ RUN      ] test_one\n' "$bad" |
	console qemu.1
echo "$good" | console qemu.2
rejects 'the machine has stopped; once more, from vm.good on
  vm.good: 2 passed' in_room
rejects '1 programs passed, 1 failed; 3 tests passed' \
	tools/test-qemu --replay build/log/test-svm.log svm
machine_room
for boot in 1 2; do
	echo '=== start vm.bad' | console qemu.$boot
done
rejects 'FAILED: vm.bad: did not end' in_room

# What a machine may lack: 77, and a word.
lacks() {
	cases=$((cases + 1))
	output=$(in_room 2>&1)
	code=$?
	[ "$code" -eq 77 ] || fail "test-qemu ends with $code: $output"
	case $output in
	*"test-qemu: "*"$1"*) ;;
	*) fail "test-qemu should say '$1', but says: $output" ;;
	esac
}
machine_room
echo 'exit 0' | fake apt-cache
lacks 'apt knows no linux-image-amd64'
machine_room
rm -r build/svm
lacks 'apt-get download linux-image-9'
machine_room
rm "$image/lib/modules/9/kernel/arch/x86/kvm/kvm-amd.ko"
lacks 'arch/x86/kvm/kvm-amd.ko is not in'
machine_room
rm -r build/tests
lacks 'no test program is built'
machine_room
rm fake/qemu-system-x86_64
mkdir bin
ln -s "$(python3 -c 'import sys; print(sys.executable)')" bin/python3
in_room() {
	PATH=$work/tree/bin:$work/tree/fake tools/test-qemu svm
}
lacks 'qemu-system-x86_64 is not installed'
