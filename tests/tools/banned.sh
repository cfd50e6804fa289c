# shellcheck shell=sh
# tools/check-banned; sourced by run.sh.

check="$tools/check-banned $work/tree"

# source FILE LINE
source_line() {
	tree
	printf 'int f(void)\n{\n\t%s\n}\n' "$2" | put "$1"
}

# shellcheck disable=SC2086 # a command and its argument
{
	for call in 'strcpy(a, b);' 'return sprintf (a, "x");' \
		'p = alloca(n);' '(void)system("ls");'; do
		source_line cli/main.c "$call"
		rejects 'cli/main.c:3:' $check
	done
	for call in 'printf("x");' 'abort();' 'exit(1);' 'getenv("HOME");' \
		'assert(x);' 'fprintf(stderr, "x");'; do
		source_line src/api/a.c "$call"
		rejects 'not in a library' $check
		source_line cli/main.c "$call"
		accepts $check
	done
	for call in 'mmap(0, 1, 2, 3, 4, 5);' 'ioctl(fd, 1);' \
		'fd = open("x", 0);' 'close(fd);'; do
		source_line src/mem/a.c "$call"
		rejects 'only through src/os' $check
		source_line src/os/linux.c "$call"
		accepts $check
	done

	source_line tests/vm/guests/evil.c 'system("ls");'
	accepts $check

	# Through the table, in comments, in strings and in longer names.
	source_line src/mem/a.c 'os->mmap(x); os.close(fd); my_open(x);'
	accepts $check
	source_line src/mem/a.c '/* abort() */ f("exit(1)"); // assert(0)'
	accepts $check
	source_line src/mem/a.c '_Static_assert(sizeof(int) == 4, "int");'
	accepts $check

	source_line src/mem/a.c 'abort();'
	echo 'src/mem/a.c abort # no way on' | put tools/banned-allow
	accepts $check
	echo 'src/mem/a.c exit # no way on' | put tools/banned-allow
	rejects "'src/mem/a.c exit' is no longer needed" $check
}
