# shellcheck shell=sh
# tools/check-snippets; sourced by run.sh.

check="$tools/check-snippets $work/tree"

# A document that shows some code of a file.
document() {
	tree
	printf 'int a;\n\nint main(void)\n{\n\treturn 1;\n}\n' |
		put examples/a.c
	put README.md
}

# shellcheck disable=SC2086 # a command and its argument
{
	document <<'END'
<!-- examples/a.c -->
```c
return 1;
```
END
	accepts $check
	document <<'END'
<!-- examples/a.c -->
```c
return 2;
```
END
	rejects 'README.md:2: these lines are not in examples/a.c' $check
	document <<'END'
<!-- examples/a.c, all -->
```c
int a;
```
END
	rejects 'README.md:2: differs from examples/a.c' $check
	document <<'END'
```c
int a;
```
END
	rejects 'README.md:1: code without' $check
	document <<'END'
<!-- examples/b.c -->
```c
int a;
```
END
	rejects 'README.md:2: examples/b.c: no such file' $check
	document <<'END'
```sh
make demo
```
END
	accepts $check
}
