#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# lost.sh CASES LIVES: races that other detectors lose are found each of five times.
set -u
cases=$1 lives=$2
run_case=$(dirname "$0")/run_case
for _ in 1 2 3 4 5; do
	"$run_case" "$cases" history race early_access early_call history1 late_access counter2 &&
		"$run_case" "$cases" evict race early_access evict1 late_access &&
		"$run_case" "$cases" fence race early_access late_access &&
		"$run_case" "$cases" recursive race early_access late_access run_pair &&
		"$run_case" "$lives" readers race first_write last_read || exit 1
done
