#!/bin/sh
#SBATCH --job-name=batch-emotion
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=6G
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
#SBATCH --output=%x-%A_%a.log

# Sixteen tasks, each with its own part of one plan; a task that is requeued carries on where it was.
#   job=$(sbatch --parsable jobs/slurm/array.sh)
#   sbatch --dependency=afterok:"$job" --wrap 'sh jobs/slurm/merge.sh'
# The folder must not change meanwhile: every part names the plan it was made from, and merge compares them.
# A part is never brought up to date: for another night give RESULTS a new folder.
set -eu
: "${PHOTOS:?}" "${RESULTS:?}"

exec batch-emotion predict "$PHOTOS" \
  --out "$RESULTS/task-$SLURM_ARRAY_TASK_ID.parquet" \
  --task-index "$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))" \
  --task-count "$SLURM_ARRAY_TASK_COUNT" \
  --quiet
