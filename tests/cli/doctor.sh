#!/bin/sh
# mote doctor: this machine, and made-up machines with every kind of trouble.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

run doctor x
status 2
err "mote doctor: takes no arguments$nl"
run doctor --sysroot
status 2
err "mote doctor: --sysroot needs a value$nl"
run doctor --json x
status 2
json 'takes no arguments' error text

# This machine, whatever it can do.
run doctor
err ''
out_has "backends$nl  kvm "
out_has "${nl}machine$nl  CPU "
said=$status
run doctor --json
status "$said"
json kvm backends 0 name
if [ "$said" -eq 0 ]; then
	json true ready
	json ready backends 0 reason
	json '[]' backends 0 advice
else
	status 5
	json false ready
fi

# What runs here: whoever is ready runs programs of this machine.
if [ "$said" -eq 0 ] && [ "$(uname -m)" = x86_64 ]; then
	json true backends 0 guests 'user amd64'
	json true backends 0 guests 'bare unpaged'
	paged=$("$JSONGET" backends 0 guests 'bare 32-bit paged' <"$scratch/out")
	soft=$("$JSONGET" backends 1 guests 'bare 32-bit paged' \
		<"$scratch/out" 2>/dev/null) || soft=
	run doctor
	if [ "$paged" = false ] && [ "$soft" = true ]; then
		out_has 'not bare 32-bit paged: use --backend soft'
	fi
fi

# The group of made-up devices: not root's, not the user's.
gid=$(id -g)
[ "$gid" -ne 0 ] || gid=4711
fact_gid=1000
[ "$gid" -ne 1000 ] || fact_gid=1001

# machine REASON ERRNO TEXT: starts a new made-up machine, an Intel PC with
# KVM loaded and a user who is in no group.
machine()
{
	root=$scratch/machine
	rm -rf "$root"
	mkdir -p "$root/proc/sys/vm" "$root/proc/self" "$root/dev" \
		"$root/etc" "$root/sys/module/kvm" \
		"$root/sys/module/kvm_intel/parameters" \
		"$root/sys/kernel/mm/transparent_hugepage"
	cat >"$root/mote-facts" <<-END
		backend kvm $1 $2 $3
		kernel 6.1.0-18-amd64
		machine x86_64
		user 1000 alice
		groups $fact_gid
	END
	cpu GenuineIntel 'Some Xeon' 'fpu vmx avx avx2 fsgsbase'
	echo Y >"$root/sys/module/kvm_intel/parameters/nested"
	echo 'always [madvise] never' \
		>"$root/sys/kernel/mm/transparent_hugepage/enabled"
	echo 0 >"$root/proc/sys/vm/overcommit_memory"
	echo 'Max locked memory         8388608  8388608  bytes' \
		>"$root/proc/self/limits"
	printf 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n' \
		>"$root/etc/passwd"
	printf 'root:x:0:\nkvm:x:%s:bob\n' "$gid" >"$root/etc/group"
	: >"$root/dev/kvm"
	chgrp "$gid" "$root/dev/kvm"
	chmod 660 "$root/dev/kvm"
}

cpu()
{
	printf 'processor\t: 0\nvendor_id\t: %s\nmodel name\t: %s\n' \
		"$1" "$2" >"$root/proc/cpuinfo"
	printf 'flags\t\t: %s\n\nprocessor\t: 1\n' "$3" >>"$root/proc/cpuinfo"
}

fact()
{
	echo "$1" >>"$root/mote-facts"
}

diagnose()
{
	run doctor --sysroot "$root"
}

# Everything as it should be.
machine 0 0 /dev/kvm
diagnose
status 0
err ''
out "backends
  kvm         ready: /dev/kvm

machine
  CPU         Some Xeon
  features    vmx avx avx2 fsgsbase
  kernel      6.1.0-18-amd64 x86_64
  modules     kvm, kvm_intel (nested=Y)
  dirty scan  /proc/self/pagemap (PAGEMAP_SCAN needs Linux 6.7)
  /dev/kvm    mode 0660, owner $(sed -n "s/^\([^:]*\):x:$(id -u):.*/\1/p" \
	"$root/etc/passwd" | grep . || id -u), group kvm
  /dev/mshv   absent
  huge pages  madvise
  overcommit  0
  memlock     8388608
$(printf '%s' "$out" | grep '^  seccomp  ')
"
run doctor --json --sysroot "$root"
status 0
json true ready
json 'Some Xeon' machine cpu model
json true machine cpu vmx
json false machine cpu svm
json Y machine modules kvm_intel nested
json null machine modules kvm_amd
json 0660 machine dev_kvm mode
json kvm machine dev_kvm group
json null machine dev_mshv

# The newer kernel's scan, /dev/mshv, strict overcommit, no FSGSBASE.
machine 0 0 /dev/kvm
fact 'kernel 6.7.1'
: >"$root/dev/mshv"
echo 2 >"$root/proc/sys/vm/overcommit_memory"
cpu AuthenticAMD 'Some EPYC' 'svm avx avx2 avx512f hypervisor'
mkdir -p "$root/sys/class/dmi/id"
echo 'Standard PC (Q35 + ICH9, 2009)' >"$root/sys/class/dmi/id/product_name"
diagnose
status 0
out_has 'svm avx avx2 avx512 (no fsgsbase)'
out_has 'running in  a virtual machine: Standard PC (Q35 + ICH9, 2009)'
out_has 'dirty scan  PAGEMAP_SCAN (Linux 6.7)'
out_has 'present; this version of Mote does not use it'
out_has 'overcommit  2 (large heaps may be refused; see --heap)'

# No module.
machine 1 2 'there is no /dev/kvm'
rm -r "$root/dev/kvm" "$root/sys/module/kvm_intel" "$root/sys/module/kvm"
diagnose
status 5
out_has 'kvm         not ready: there is no /dev/kvm'
out_has "$nl                $ sudo modprobe kvm_intel$nl"
out_has 'VT-x in the'
out_has "modules     none of KVM's"
run doctor --json --sysroot "$root"
status 5
json false ready
json no_device backends 0 reason
json 2 backends 0 errno
json '$ sudo modprobe kvm_intel' backends 0 advice 1
cpu AuthenticAMD 'Some EPYC' 'svm avx'
diagnose
status 5
out_has "$nl                $ sudo modprobe kvm_amd$nl"
out_has 'SVM mode in the'

# The node is there, but nothing behind it.
machine 1 19 '/dev/kvm is there, but no KVM behind it'
rm -r "$root/sys/module/kvm_intel" "$root/sys/module/kvm"
diagnose
status 5
out_has '$ sudo modprobe kvm_intel'

# KVM is loaded, but its node is missing.
machine 1 2 'there is no /dev/kvm'
rm "$root/dev/kvm"
diagnose
status 5
out_has '$ sudo mknod -m 660 /dev/kvm c 10 232'

# The firmware does not allow it.
machine 1 2 'there is no /dev/kvm'
rm -r "$root/dev/kvm" "$root/sys/module/kvm_intel"
cpu GenuineIntel 'Some Core' 'fpu avx'
diagnose
status 5
out_has 'enable Intel VT-x in the firmware setup'
cpu AuthenticAMD 'Some Ryzen' 'fpu avx'
diagnose
out_has 'enable AMD-V (SVM mode) in the firmware setup'

# In a virtual machine whose host does not allow it.
cpu GenuineIntel 'Some Xeon' 'fpu avx hypervisor'
diagnose
status 5
out_has 'Enable nested virtualisation on the'
out_has 'with nested=1'

# In a container without the device.
: >"$root/.dockerenv"
diagnose
status 5
out_has '$ docker run --device /dev/kvm ...'
out_has "  container   yes$nl"

# The container's device rules forbid it.
machine 2 1 'no permission to open /dev/kvm'
diagnose
status 5
out_has 'kvm         not ready: no permission to open /dev/kvm'
out_has '$ docker run --device /dev/kvm ...'

# The user is not in the group.
machine 2 13 'no permission to open /dev/kvm'
diagnose
status 5
out_has 'for group kvm, and user alice is not in it'
out_has '$ sudo usermod -aG kvm alice'
out_has 'log out and in again'

# The group has a number but no name here, as in a container.
echo 'root:x:0:' >"$root/etc/group"
diagnose
status 5
out_has "for group $gid, and user alice is not in it"
out_has "$ sudo groupadd --gid $gid kvm$nl"
out_has "$ sudo usermod -aG kvm alice$nl"
printf 'root:x:0:\nkvm:x:%s:bob\n' $((gid + 1)) >"$root/etc/group"
diagnose
out_has "$ sudo groupadd --gid $gid host-kvm$nl"
out_has "$ sudo usermod -aG host-kvm alice$nl"

# She is by now, but has not logged in again.
printf 'kvm:x:%s:bob,alice\n' "$gid" >"$root/etc/group"
diagnose
status 5
out_has 'User alice is in group kvm, but this session is older'
out_has '$ newgrp kvm'

# Nobody is told to join the group root.
if [ "$(id -g)" -eq 0 ]; then
	chgrp 0 "$root/dev/kvm"
	diagnose
	status 5
	out_has '$ sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm'
fi

# The device is for its owner only.
chmod 600 "$root/dev/kvm"
diagnose
status 5
out_has '/dev/kvm has mode 0600'
out_has '$ sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm'
out_has 'KERNEL=="kvm", GROUP="kvm", MODE="0660"'

case $out in
*groupadd*) complain 'a group that is there' '' "$out" ;;
esac
printf 'root:x:0:\nother:x:%s:\n' "$gid" >"$root/etc/group"
diagnose
out_has "$ sudo groupadd --system kvm$nl"

# Something else forbids it.
fact 'user 0 root'
diagnose
status 5
out_has '$ sudo dmesg | grep -i denied'

machine 3 0 'this KVM lacks KVM_CAP_SYNC_REGS'
diagnose
status 5
out_has 'kvm         too old: this KVM lacks KVM_CAP_SYNC_REGS'
out_has 'The kernel (6.1.0-18-amd64) lacks something'

machine 4 16 '/dev/kvm does not answer as KVM version 12'
diagnose
status 5
out_has 'kvm         broken: /dev/kvm does not answer'
out_has 'VirtualBox'

# Another architecture.
machine 1 2 'there is no /dev/kvm'
fact 'machine aarch64'
diagnose
status 5
out_has 'needs an x86-64 machine; this is aarch64'

# One that works is enough.
machine 1 2 'there is no /dev/kvm'
fact 'backend other 0 0 fine'
diagnose
status 0
out_has '  other       ready: fine'

# A machine about which nothing can be found out.
rm -rf "$root"
mkdir "$root"
diagnose
status 5
out_has 'none in this build of Mote'
run doctor --json --sysroot "$root"
status 5
json false ready
json '[]' backends

finish
