#!/bin/sh
# Join the parts of array.sh once all its tasks are done.
set -eu
: "${RESULTS:?}"

exec batch-emotion merge "$RESULTS"/task-*.parquet --out "$RESULTS/emotions.parquet" --overwrite --quiet
