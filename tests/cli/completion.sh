#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# completion.sh SHELL - the completion script in its shell: commands, options, values, targets,
# topics.
# shellcheck disable=SC2317 # in_SHELL is called by its name
set -u
shell=$1
PATH=$GORT_BUILD/tests/cli/bin:$PATH
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
command -v "$shell" >/dev/null || { echo "SKIP: no $shell" && exit 77; }
gort completion "$shell" >"$work/script" || exit 1

in_bash() {
	# shellcheck disable=SC2016 # for the inner shell
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gort
		printf "%s\n" "${COMPREPLY[@]}"' - "$work/script" "$@"
}

in_fish() {
	fish --no-config -c "source $work/script; complete -C '$*'" | cut -f 1
}

# zsh completes in a terminal only; what can be told without one is the specs it is given.
in_zsh() {
	zsh -fc "
		autoload -U compinit; compinit -u -d $work/dump
		source $work/script
		[ \"\$_comps[gort]\" = _gort ] || echo 'not registered'
		_describe() { print -l \${\${(P)2}%%:*} }
		_arguments() {
			for a in \"\$@\"; do
				case \$a in
				'*:target:_gort_targets') _gort_targets ;;
				'*:topic:'*) print -l \${=\${\${a#*:*:\\(}%\\)}} ;;
				*'--format['*) print -l -- --format \${=\${\${a##*:\\(}%\\)}} ;;
				*) print -r -- \"--\${\${a%%\\[*}##*--}\" ;;
				esac
			done
		}
		_normal() { print -r -- \${words[CURRENT]}s }
		compadd() { print -l \"\${(P)@[-1][@]}\" }
		words=($*); CURRENT=\$#words
		[ '${!#}' ] || CURRENT=\$((CURRENT + 1))
		_gort"
}

# offers WORD COMMAND-LINE...: WORD is among the completions of the last one.
offers() {
	local want=$1
	shift
	"in_$shell" "$@" >"$work/out" 2>"$work/err"
	grep -qxF -e "$want" "$work/out" && return
	echo "FAIL: $shell does not offer '$want' after: $*"
	cat "$work/out" "$work/err"
	exit 1
}

offers serve gort se
offers --once gort top --
offers json gort top --format ""
offers 4121 gort top ""
offers checkout gort stacks ""
offers permissions gort help ""
offers ls gort top -- l
[ ! -s "$work/err" ] || { cat "$work/err" && exit 1; }
exit 0
