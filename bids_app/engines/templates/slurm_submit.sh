#!/bin/bash
# Written by `n2n submit slurm`: submits the stories, then the participants, then the group.
set -euo pipefail
cd -- @{FOLDER}
stimulus=$(sbatch --parsable stimulus.sh)
# Without the stories' activations there is nothing to compute: a job whose turn cannot come is removed.
participant=$(sbatch --parsable --dependency="afterok:${stimulus%%;*}" --kill-on-invalid-dep=yes participant.sh)
# One participant that fails must not hold back the group: its report names those that are missing, and it is computed
# again after `n2n submit slurm --failed`.
group=$(sbatch --parsable --dependency="afterany:${participant%%;*}" group.sh)
echo "submitted: stimulus ${stimulus%%;*}, participants ${participant%%;*}, group ${group%%;*}"
