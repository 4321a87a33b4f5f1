#!/usr/bin/env bash
# Use an installed package where no source is: the demo, a participant and the group.
#
#   tests/installed.sh BIN        BIN: the folder with `n2n` and `neurons2networks`
set -euo pipefail
bin=$(cd "$1" && pwd)
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$(dirname "$0")/../bids_app/__init__.py")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
unset PYTHONPATH
export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 MPLBACKEND=Agg

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

[ "$("$bin/neurons2networks" --version)" = "neurons2networks $version" ] || fail "--version is not $version"
"$bin/python" - <<'PY'
import bids_app, pathlib
package = pathlib.Path(bids_app.__file__).parent
found = [*package.rglob("test_*"), *package.rglob("conftest*")]
assert not found, f"tests are installed: {found}"
for name in bids_app.__all__:
    getattr(bids_app, name)
PY
"$bin/n2n" demo data --participants 2 --stories 1
"$bin/neurons2networks" data out participant --config-file data/code/demo.toml --n-permutations 50 --n-spins 50
"$bin/neurons2networks" data out group
for page in out/sub-*.html out/group.html; do
  [ -s "$page" ] || fail "$page is not there"
done
# Files beside the code: templates of scripts and presets.
"$bin/n2n" submit slurm data out-slurm --to scripts --config-file data/code/demo.toml >/dev/null
[ -s scripts/submit.sh ] || fail "scripts/submit.sh is not there"
for preset in sun2024 caucheteux2023 caucheteux2023-released; do
  "$bin/neurons2networks" data "out-$preset" participant --preset "$preset" --config-file data/code/demo.toml --layer 2 --dry-run >/dev/null
done
echo "The installed package $version works."
