#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# report.sh CASES BUGS MODE: what gort-race does with a finding beside printing it.
#
# suppress   --ignore, a file of gort's and one of TSan's hide what they match and nothing else
# baseline   what is known passes, what is new fails
# follow     what a program forks or starts is watched, unless --no-follow
# parts      libraries of the program that nothing was compiled into are named first
# merged     places whose line the compiler has lost are told apart all the same
# log        log_path of the variables that TSan and Go read; no file where there is no report
# files      SARIF, JUnit and GitHub's annotations name the finding and its place
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"
cases=$1 bugs=$2 mode=$3

# want CODE REPORTS argument...
want() {
	local code=$1 reports=$2
	shift 2
	ends "$code" "$gort_race" "$@"
	finished "$*"
	[ "$(grep -c '^WARNING' err)" = "$reports" ] || fail "$*: not $reports reports"
}

follow() {
	want 66 1 "$bugs" child race
	want 0 0 --no-follow "$bugs" child race
	want 66 1 "$bugs" started race
	want 0 0 --no-follow "$bugs" started race
	want 66 1 --no-follow "$bugs" order race
}

log() {
	export TSAN_OPTIONS=log_path=$work/report
	want 66 0 "$bugs" order race
	grep -q '^WARNING' report.[0-9]* || fail "no report in the file"
	rm report.[0-9]*
	want 66 0 -o - "$bugs" order race
	grep -q '^WARNING' out || fail "no report where -o names it"
	GORT_RACE=log_path=stderr want 66 1 "$bugs" order race
	want 0 0 "$bugs" order clean
	[ -z "$(find . -name 'report.*')" ] || fail "a file without reports"
}

parts() {
	local flags=(-g -O1 -x c - -shared -fPIC)
	gcc "${flags[@]}" -o libplain.so <<<'int plain; void f(void) { plain++; }' &&
		gcc "${flags[@]}" -fsanitize=thread -o libseen.so \
			<<<'int seen; void g(void) { seen++; }' &&
		gcc -fsanitize=thread -x c - -o program -L. -lplain -lseen -Wl,-rpath,"$work" <<-END
			void f(void);
			void g(void);
			int puts(const char *);
			int main(void) { f(); g(); return !puts("done"); }
		END
	want 0 0 ./program
	local line='gort: accesses in libplain.so are unseen: '
	[ "$(cat err)" = "${line}it was not compiled with -fsanitize=thread" ] ||
		fail "not the one library"
	want 0 0 -q ./program
	[ ! -s err ] || fail "told though quiet"
}

merged() {
	gcc -fsanitize=thread -g -x c - -o program -pthread <<-END
		#include <pthread.h>
		int a, b, puts(const char *);
		#line 0 "merged.c"
		void *f(void *p) { a = 1; b = 1; return p; }
		#line 10
		int main(void)
		{
			pthread_t t, u;
			pthread_create(&t, 0, f, 0);
			pthread_create(&u, 0, f, 0);
			pthread_join(t, 0);
			pthread_join(u, 0);
			return !puts("done");
		}
	END
	want 66 2 ./program
}

suppress() {
	want 66 1 "$cases" counter race
	want 0 0 --ignore 'race:^early_access$' "$cases" counter race
	grep -q 'suppressed by race:' err || fail "a suppression is not told of"
	want 66 1 --ignore 'race:^early$' "$cases" counter race
	want 66 1 --ignore 'deadlock:early_access' "$cases" counter race
	echo 'race:^data$ # the variable' >ours
	want 0 0 --suppressions ours "$cases" counter race
	printf '# of TSan\nrace:nothing\nrace:late_acc*s\n' >theirs
	export CASES_SUPPRESSIONS=$'# of the program\nrace:late_access\n'
	want 0 0 "$cases" counter race
	grep -q 'suppressed by race:late_access' err || fail "the program's own suppression"
	CASES_SUPPRESSIONS=$'race:nothing\nnonsense\n'
	want 66 1 "$cases" counter race
	grep -q '__tsan_default_suppressions, line 2' err || fail "a bad line"
	unset CASES_SUPPRESSIONS
	export TSAN_OPTIONS="verbosity=0:suppressions='$work/theirs'"
	want 0 0 "$cases" counter race
	echo 'deadlock:lock_ab' >theirs
	want 66 1 "$cases" counter race
	want 0 0 "$bugs" order race
	want 66 1 "$bugs" unlock race
	export TSAN_OPTIONS=suppressions=nowhere
	ends 125 "$gort_race" "$cases" counter race # a file that is not there
}

baseline() {
	want 0 1 --baseline known --update-baseline "$cases" counter race
	want 0 0 --baseline known "$cases" counter race
	want 66 1 --baseline known "$bugs" order race
}

files() {
	want 66 1 --sarif r.sarif --junit r.xml --github "$bugs" order race
	grep -q '^::error file=.*bugs.c,line=.*lock-order-inversion' err || fail "no annotation"
	grep -q '"ruleId":"gort/deadlock-lock-order"' r.sarif || fail "no result in SARIF"
	grep -q '"locations":\[{"physicalLocation":{"artifactLocation":{"uri":"[^"]*bugs.c"' \
		r.sarif || fail "no place in SARIF"
	grep -q 'tests="1" failures="1"' r.xml || fail "no failure in JUnit"
	want 0 0 --sarif r.sarif "$bugs" order
	grep -q '"results":\[' r.sarif || fail "no SARIF without findings"
	grep -q ruleId r.sarif && fail "a finding in SARIF"
	return 0
}

"$mode"
