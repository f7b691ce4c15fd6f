#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# direct.sh PROGRAM: its calls of the detector are made direct ones (race/near.c), in either of the
# forms that compilers write, unless that is switched off.
set -u
look() { # OPTION
	GORT_RACE=$1 "$GORT_BUILD/bin/gort-race" "$program"
}
program=$1
[ "$(look '')" = direct ] || { echo "$program: $(look '')"; exit 1; }
[ "$(look direct_calls=0)" = stub ] || { echo "$program, without: $(look direct_calls=0)"; exit 1; }
