# shellcheck shell=sh
# .ci/run with a make that does as the case says; sourced by run.sh.

# ci TEST SVM [ARM64]: what make test, make test-svm and make test-arm64 come
# to: a summary, or nothing; with "!" before it they fail.
ci() {
	tree
	mkdir .ci
	cp "$tools/../.ci/run" .ci/
	echo "$1" >test.says
	echo "$2" >test-svm.says
	echo "${3:-}" >test-arm64.says
	fake make <<'END'
for target; do :; done
says=$(cat "$target.says")
echo "made $target"
[ -z "${says#!}" ] || echo "${says#!}" >"$TEST_SUMMARY"
case $says in !*) exit 2 ;; esac
END
}

run_ci() {
	PATH=$work/tree/fake:$PATH .ci/run
}

ci '10 passed, 0 failed, 2 skipped' '3 passed, 0 failed, 0 skipped'
says 'made test
made test-svm
made test-arm64
13 passed, 0 failed, 2 skipped' run_ci
ci '10 passed, 0 failed, 2 skipped' '3 passed, 0 failed, 0 skipped' \
	'4 passed, 0 failed, 0 skipped'
tells '17 passed, 0 failed, 2 skipped' run_ci
ci '10 passed, 0 failed, 2 skipped' '3 passed, 0 failed, 0 skipped' \
	'!4 passed, 2 failed, 0 skipped'
rejects '17 passed, 2 failed, 2 skipped' run_ci
ci '10 passed, 0 failed, 2 skipped' '!3 passed, 1 failed, 0 skipped'
rejects '13 passed, 1 failed, 2 skipped' run_ci
ci '!10 passed, 4 failed, 2 skipped' '3 passed, 0 failed, 0 skipped'
rejects '13 passed, 4 failed, 2 skipped' run_ci
# Nothing came of it: skipped, or a failure.
ci '10 passed, 0 failed, 2 skipped' ''
tells '10 passed, 0 failed, 2 skipped' run_ci
ci '' '3 passed, 0 failed, 0 skipped'
rejects 'make test ended before there was a summary' run_ci
ci '!' ''
rejects 'make test ended before there was a summary' run_ci
# Too late for more.
ci '10 passed, 0 failed, 2 skipped' '3 passed, 0 failed, 0 skipped'
sed -i 's/^patience=.*/patience=0/' .ci/run
says 'made test
make test-svm is skipped: 0 minutes are gone
make test-arm64 is skipped: 0 minutes are gone
10 passed, 0 failed, 2 skipped' run_ci
