#!/usr/bin/env bash
# Build the image and use it as strangers do: read-only, without network, as a user whom the image does not know.
# Results must equal those of a run outside the container. Then the same image through Apptainer and Boutiques.
#
#   tests/container.sh [build|docker|refusals|apptainer|boutiques …]     default: all, in this order
#
# Environment: ENGINE (docker), BUILD_OPTIONS for `docker build`, PYTHON that has the app's requirements (python3),
# BOSH (bosh), SCRATCH, a folder with 8 GB of room (/tmp), KEEP=1 to keep what was written.
# Exit status 77: skipped, the last line says why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export ENGINE=${ENGINE:-docker} PYTHON=${PYTHON:-python3} BOSH=${BOSH:-bosh}
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' bids_app/__init__.py)
image=neurons2networks:$version
at_most=2400000000  # bytes of an image whose torch has no CUDA
nobody=12345:12345
scratch=$(mktemp -d "${SCRATCH:-/tmp}/n2n-container.XXXXXX")
fast=(--n-permutations 50 --n-spins 50 --omp-nthreads 1)

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
skip() { printf 'SKIPPED: %s\n' "$*"; exit 77; }

# The demo belongs to a user of the container, whom the host may not know either.
tidy() {
  [ -z "${KEEP:-}" ] || { echo "kept: $scratch"; return; }
  rm -rf "$scratch" 2>/dev/null || "$ENGINE" run --rm -v "$scratch:/scratch" --entrypoint sh "$image" -c 'rm -rf /scratch/*' || true
  rm -rf "$scratch"
}
trap tidy EXIT

folder() { mkdir -p "$scratch/$1"; chmod 777 "$scratch/$1"; echo "$scratch/$1"; }

# `docker run` with the flags that a careful site sets; TMP_SIZE limits /tmp.
strict() { "$ENGINE" run --rm --read-only --network none -u "$nobody" --tmpfs "/tmp${TMP_SIZE:+:size=$TMP_SIZE}" "$@"; }
app() { strict -v "$scratch/data:/data:ro" "$@"; }

part_build() {
  say "build $image"
  read -ra options <<<"${BUILD_OPTIONS:-}"
  "$ENGINE" build "${options[@]}" --build-arg "VERSION=$version" -t "$image" .
}

has_cuda() {
  "$ENGINE" run --rm --network none --entrypoint python "$image" -c 'import sys, torch; sys.exit(torch.version.cuda is None)'
}

look() {
  say "what the image holds"
  said=$("$ENGINE" run --rm "$image" --version)
  [ "$said" = "neurons2networks $version" ] || fail "--version said: $said"
  "$ENGINE" run --rm --network none "$image" --help >/dev/null
  bytes=$("$ENGINE" image inspect --format '{{.Size}}' "$image")
  echo "$said, $bytes bytes"
  [ "$bytes" -le "$at_most" ] || has_cuda || fail "the image has more than $at_most bytes"
  "$ENGINE" run --rm --network none --entrypoint sh "$image" -c '
    for tool in cc gcc g++ make ld; do ! command -v $tool || exit 1; done
    for cache in /root/.cache /var/cache/apt/archives/*.deb /opt/n2n/bin/pip; do ! [ -e "$cache" ] || { echo "$cache"; exit 1; }; done
  ' || fail "a compiler, a cache or pip is in the image"
  [ "$("$ENGINE" image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' "$image")" = "$version" ] ||
    fail "the label of the version is not $version"
}

demo() {
  [ ! -d "$scratch/data" ] || return 0
  say "demo data set, written by the container"
  strict -v "$(folder data):/data" --entrypoint n2n "$image" \
    demo /data --participants 2 --stories 1 --space fsaverage5
}

# The run that all others must equal. Paths in the demo's settings are those of the container, so they are given anew.
outside() {
  demo
  [ ! -d "$scratch/outside" ] || return 0
  say "participant and group outside the container"
  local atlas model
  atlas=$(echo "$scratch"/data/derivatives/atlas/*hemi-L*.label.gii) model=$scratch/data/sourcedata/models/gpt2
  PYTHONPATH=$PWD "$PYTHON" -m bids_app "$scratch/data" "$scratch/outside" participant --model "$model" --atlas "$atlas" "${fast[@]}"
  PYTHONPATH=$PWD "$PYTHON" -m bids_app "$scratch/data" "$scratch/outside" group
}

equal() { PYTHONPATH=$PWD "$PYTHON" tests/equal_outputs.py "$scratch/outside" "$1" "$scratch/data=${2:-/data}" || fail "$1 differs"; }

part_docker() {
  look
  demo
  say "participant and group in the container"
  local out; out=$(folder docker)
  for level in "participant --config-file /data/code/demo.toml ${fast[*]}" group; do
    # shellcheck disable=SC2086  # words on purpose
    app -v "$out:/out" "$image" /data /out $level
  done
  grep -q '"Type": "docker"' "$out/dataset_description.json" || fail "dataset_description.json does not name the container"
  outside
  equal "$out"
}

# refused WORDS OF THE SENTENCE -- command: fails, with these words in one line of what it says, and no traceback.
refused() {
  local words=$1 said; shift 2
  if said=$("$@" 2>&1); then fail "should have failed: $words"; fi
  ! grep -q Traceback <<<"$said" || { echo "$said" >&2; fail "a traceback instead of: $words"; }
  grep -E "$words" <<<"$said" || { echo "$said" >&2; fail "did not say: $words"; }
}

part_refusals() {
  demo
  say "what cannot work is refused in one sentence"
  local out; out=$(folder refusals)
  local run=(participant --config-file /data/code/demo.toml "${fast[@]}" --analysis brainscore --noise-ceiling none)
  mkdir -p "$scratch/closed"; chmod 755 "$scratch/closed"
  refused "BIDS_DIR /nothing is not a folder: is the volume mounted" -- app -v "$out:/out" "$image" /nothing /out participant
  refused "BIDS_DIR /data is empty: is the volume mounted" -- strict -v "$(folder empty):/data:ro" -v "$out:/out" "$image" /data /out participant
  refused "OUT_DIR /out cannot be written.*mounted read-only: is the volume mounted" -- app "$image" /data /out participant
  refused "OUT_DIR /out cannot be written.*mount it without :ro" -- app -v "$out:/out:ro" "$image" /data /out participant
  [ "$(id -u)" != 0 ] || # the folder belongs to another user only where this script runs as root
    refused "OUT_DIR /out cannot be written by user 12345 .*-u" -- app -v "$scratch/closed:/out" "$image" /data /out participant
  TMP_SIZE=2m refused "No space is left on the disk .*--tmpfs /tmp:size" -- \
    app -v "$out:/out" "$image" /data /out "${run[@]}" -w /tmp/work
  say "a user without a home, and nothing of /tmp, do not matter"
  TMP_SIZE=4k app -v "$(folder homeless):/out" --entrypoint env "$image" -u HOME neurons2networks /data /out "${run[@]}"
}

part_apptainer() {
  command -v apptainer >/dev/null || { echo "SKIPPED: there is no apptainer"; return 0; }
  demo
  say "the same image through Apptainer"
  local out sif=$scratch/image.sif; out=$(folder apptainer)
  # The image is unpacked to build it, and to run it where there is no FUSE.
  APPTAINER_TMPDIR=$(folder tmp); export APPTAINER_TMPDIR
  if [ ! -e "$sif" ]; then
    chmod 777 "$scratch"
    "$ENGINE" save -o "$scratch/image.tar" "$image"
    apptainer build "$sif" "docker-archive://$scratch/image.tar"
    rm "$scratch/image.tar"
    ls -l "$sif"
  fi
  for level in "participant --config-file /data/code/demo.toml ${fast[*]}" group; do
    # shellcheck disable=SC2086
    apptainer run --containall --bind "$scratch/data:/data:ro" --bind "$out:/out" "$sif" /data /out $level
  done
  grep -q '"Type": "apptainer"' "$out/dataset_description.json" || fail "dataset_description.json does not name Apptainer"
  outside
  equal "$out"
}

part_boutiques() {
  command -v "$BOSH" >/dev/null || { echo "SKIPPED: there is no bosh"; return 0; }
  demo
  say "the descriptor, carried out by bosh with the image"
  local descriptor=$PWD/boutiques.json
  "$BOSH" validate "$descriptor"
  (
    cd "$scratch"
    cat >invocation.json <<JSON
{"bids_dir": "data", "out_dir": "boutiques", "level": "participant", "n_permutations": 50, "n_spins": 50, "omp_nthreads": 1,
 "model": ["$scratch/data/sourcedata/models/gpt2"], "atlas": "$(echo "$scratch"/data/derivatives/atlas/*hemi-L*.label.gii)"}
JSON
    echo '{"bids_dir": "data", "out_dir": "boutiques", "level": "group"}' >group.json
    "$BOSH" exec simulate "$descriptor" -i invocation.json
    for invocation in invocation group; do
      "$BOSH" exec launch --no-pull "$descriptor" "$invocation.json"
    done
  )
  outside
  equal "$scratch/boutiques" "$scratch/data"
}

command -v "$ENGINE" >/dev/null && "$ENGINE" info >/dev/null 2>&1 || skip "no container engine: '$ENGINE info' fails"
[ $# -gt 0 ] || set -- build docker refusals apptainer boutiques
for part in "$@"; do "part_$part"; done
say "all is well: $*"
