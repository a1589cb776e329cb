#!/bin/sh
# All tests, in two processes at a time, and what they cover together. Usage: tools/test.sh PYTHON
# The first half is printed as it runs, the second when it is over. Status 1 if a test of either failed.
set -u
python=$1
first="benign bypasses convert dataset formats fuzz monitor pickle rules scan sources"
rest=$(ls tests | grep -v -x -e build -e writers -e __pycache__ $(for name in $first; do printf ' -e %s' "$name"; done))
log=$(mktemp)
rm -f .coverage .coverage.*

# shellcheck disable=SC2086 -- words on purpose
COVERAGE_FILE=.coverage.rest "$python" -m pytest --cov --cov-report= $(for name in $rest; do printf 'tests/%s ' "$name"; done) >"$log" 2>&1 &
other=$!
# shellcheck disable=SC2086
COVERAGE_FILE=.coverage.first "$python" -m pytest --cov --cov-report= $(for name in $first; do printf 'tests/%s ' "$name"; done)
one=$?
wait "$other"
two=$?
cat "$log"
rm -f "$log"
"$python" -m coverage combine --quiet
"$python" -m coverage report
[ "$one" -eq 0 ] && [ "$two" -eq 0 ]
