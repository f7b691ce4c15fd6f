#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gc_mutants.sh [NAME]: each rule that the collector keeps is broken in one line of the runtime, and
# gc_inject, or gc_storm in mode kernel, must find that out: by a lost object, a throw, or a hang. A
# line that does not match any more is a failure, too: the rule's test has gone.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
runtime=$GORT_SOURCE/runtime
objects=$GORT_BUILD/runtime/CMakeFiles/runtime_objs.dir
tests=$GORT_BUILD/tests/runtime/CMakeFiles
export GORT_GCMODE=barrier GORT_DEBUG=gccheckmark=1,clobberfree=1
wanted=${1-}
tracks=$(GORT_GCMODE=kernel "$GORT_BUILD/tests/runtime/gc_storm_plain" 1 1 1 1 |
	grep 'in mode kernel')
failed=0 n=0

# Of the file, with the mutated source in its place.
compile() { # FILE
	local command
	command=$(python3 - "$GORT_BUILD/compile_commands.json" "$runtime/$1" <<-'PY'
		import json, sys
		for entry in json.load(open(sys.argv[1])):
		    if entry['file'] == sys.argv[2] and 'runtime_objs' in entry['command']:
		        print(entry['command'].split(' -o ')[0])
		        break
	PY
	)
	(cd "$GORT_BUILD" && $command -w -o "$work/mutant.o" -c "$work/mutant.c")
}

link() { # FILE TEST
	local all=()
	mapfile -t all < <(find "$objects" "$GORT_BUILD"/pprof/CMakeFiles/pprof_objs.dir \
		"$GORT_BUILD"/leakcheck/CMakeFiles/leakcheck_objs.dir -name '*.o' \
		! -path "$objects/$1.o")
	ld -r -T "$runtime/gort_text.ld" -o "$work/merged.o" "${all[@]}" "$work/mutant.o" &&
		mapfile -t all < <(find "$tests/$2.dir" -name '*.o') &&
		"$CC" -pie -o "$work/$2" "${all[@]}" "$work/merged.o" \
			"$GORT_BUILD/lib/libgort_start.a" -lpthread
}

# The rule NAME is broken: SED changes FILE, and then TEST is linked.
broken() { # NAME FILE SED TEST
	[ -z "$wanted" ] || [ "$1" = "$wanted" ] || return 1
	n=$((n + 1))
	sed -E "$3" "$runtime/$2" >"$work/mutant.c"
	if cmp -s "$work/mutant.c" "$runtime/$2"; then
		echo "FAIL: $1: nothing in $2 matches $3"
		failed=1
		return 1
	fi
	if ! compile "$2" 2>"$work/err" || ! link "$2" "$4" 2>>"$work/err"; then
		echo "FAIL: $1: is not built"
		cat "$work/err"
		failed=1
		return 1
	fi
}

judge() { # NAME TEST CODE
	if [ "$3" = 0 ]; then
		echo "FAIL: $1: not found by $2"
		cat "$work/out"
		failed=1
	else
		echo "$1: found: $(head -c 100 "$work/out" | head -1) (exit $3)"
	fi
}

# The operations that begin with OPERATION notice, when the thread meets the pauses like that
# (gc_inject.c).
mutant() { # NAME FILE OPERATION HOW SED
	broken "$1" "$2" "$5" gc_inject || return 0
	timeout -s KILL 60 "$work/gc_inject" -w 16 -t "$4" "$3" >"$work/out" 2>&1
	judge "$1" "$3" $?
}

# Goroutines that store as they like notice, by some seed.
kernel_mutant() { # NAME FILE SED
	local seed code=0
	[ -n "$tracks" ] || return 0
	broken "$1" "$2" "$3" gc_storm_plain || return 0
	for ((seed = 1; seed <= 20; seed++)); do
		GORT_GCMODE=kernel GOGC=15 GORT_GOMAXPROCS=2 timeout -s KILL 60 \
			"$work/gc_storm_plain" 4 20000 "$seed" 500 >"$work/out" 2>&1 || code=$?
		[ $code = 0 ] || break
	done
	judge "$1" gc_storm_plain $code
}

mutant stack.registers mem/mgcstack.c store.move standing \
	's/^\tscanregisters\(t->context\);//'
mutant stack.vectors mem/mgcstack.c store.registers standing \
	's/^\tif \(uc->uc_mcontext.fpregs\)/\tif (0)/'
mutant stack.redzone mem/mgcstack.c store.registers standing \
	's/(mp->curg, t->sp) - REDZONE/\1/'
mutant hook.none mem/mgcstack.c hooked.store.reader standing \
	's/^\t\tscanword\(peek\(pendingof\(t->tp\)\)\);/;/'
mutant hook.of_p sched/preempt.c hooked.store.reader switched \
	's/^\tcold->pending = gort_pending;//'
mutant alloc.white mem/mcentral.c alloc.two standing \
	's/if \(new &&wbenabled\(\)\)/if (0)/'
mutant log.none mem/mbarrier.c store.move standing \
	'/^void gort_wblog/,/^}/s/^\t\tlogentry\(old\);/\t\t;/'
mutant log.final mem/mgc.c store.move standing \
	's/^\twbflush\(scanword\);/wbflush((void (*)(uintptr_t))isunmarked);/'
mutant log.forget mem/mgc.c store.move standing \
	's/^\t\tgcpublish\(gcwork\(\)\);/gcwork()->top = NULL;/'
mutant store.racy mem/mbarrier.c racy.exchange foreign \
	'/^void \*gort_swap_racy/,/^}/s/^\tnostop_(begin|end)\(\);//'
mutant store.swap mem/mbarrier.c racy.exchange standing \
	'/^void \*gort_swap_racy/,/^}/s/^\t\tlogentry\(old\);/;/'
mutant store.cas mem/mbarrier.c racy.replace standing \
	'/^bool gort_cas_racy/,/^}/s/^\t\tlogentry\(old\);/;/'
mutant bulk.range mem/mbulk.c bulk.clear standing \
	'/^void \*gort_memset/,/^}/s/^\tgort_wbrange\(dst, n\);//'
mutant weak.unshaded mem/mweak.c weak.revive standing \
	's/^\t\tgort_wblog\(\(void \*\)p\);/;/'
mutant root.timers mem/mgcroot.c runtime.timer standing \
	's/^\trootstimers\(scanlink\);//'
mutant stack.unscanned mem/mgcstack.c store.move switched \
	's/^\tif \((!gp \|\| )?lastscanned\(mp\)\)/\tif (1)/'
kernel_mutant kernel.pages mem/mgc.c \
	's/\(gc.kernel && !dirtyall\(\)\)/false/'
kernel_mutant kernel.roots mem/mgc.c \
	's/^\t\trootsmark\(sp, NULL\);/;/'
kernel_mutant kernel.new mem/mgcmark.c \
	'/^static bool changes/,/^}/s/i < __atomic_load_n.*;/false;/'
kernel_mutant kernel.scanned mem/mgcmark.c \
	'/^static bool changes/,/^}/s/^\t\treturn true;/\t\treturn false;/'
[ $n -gt 0 ] || failed=1
exit $failed
