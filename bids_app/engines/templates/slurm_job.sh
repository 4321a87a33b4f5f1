#!/bin/bash
@{DIRECTIVES}
# Written by `n2n submit slurm`; submitted by submit.sh beside it.
set -euo pipefail
export OMP_WAIT_POLICY=PASSIVE
@{PREPARE}
exec @{COMMAND}
