# shellcheck shell=sh
# tools/count-tests on what ctest itself writes; sourced by run.sh.

tree
put CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(count NONE)
enable_testing()
add_test(NAME passes COMMAND sh -c "echo '<testcase status=run>'")
add_test(NAME passes-too COMMAND true)
add_test(NAME fails COMMAND false)
add_test(NAME crashes COMMAND sh -c "kill -SEGV $$")
add_test(NAME absent COMMAND "/nonexistent/program")
add_test(NAME skips COMMAND sh -c "exit 77")
add_test(NAME off COMMAND true)
set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)
set_tests_properties(off PROPERTIES DISABLED ON)
END
cmake -S . -B out >/dev/null || exit 1
(cd out && ctest --output-junit all.xml >/dev/null 2>&1)
says '2 passed, 3 failed, 2 skipped' "$tools/count-tests" out/all.xml
says '4 passed, 6 failed, 4 skipped' \
	"$tools/count-tests" out/all.xml out/all.xml
says '2 passed, 4 failed, 2 skipped' \
	"$tools/count-tests" out/all.xml out/none.xml
head -n 20 out/all.xml >out/cut.xml
case $("$tools/count-tests" out/cut.xml) in
*' 0 failed,'*) fail "a result file that was cut short counts as clean" ;;
esac
(cd out && ctest -R passes --output-junit good.xml >/dev/null 2>&1)
says '2 passed, 0 failed, 0 skipped' "$tools/count-tests" out/good.xml
