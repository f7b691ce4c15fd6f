#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# goprofiles.sh GOVERSION MODE: compares the profiles that gort reads with those that a Go program
# writes of itself.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=$("$here/build-target.sh" "$1" "$2" goprof)
"$here/goprofiles.py" "$GORT_BUILD/bin/gort" "$target"
