#!/bin/sh
# Whether the tests notice wrong programs: applies each patch beside it to a copy of the last commit,
# runs the tests that are to fail, and says which did. By hand, as it takes a quarter of an hour or more:
#
#     tests/mutants/run.sh [WORD]     # the patches with this word in their names, else all
#
# A patch that no longer applies is made again for the code as it is. MUTANTS_TARGET is the folder of
# the builds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tree=$(mktemp -d)/tree
git -C "$root" worktree add --quiet --detach "$tree" HEAD
trap 'git -C "$root" worktree remove --force "$tree"' EXIT
trap 'exit 1' INT TERM
cd "$tree"
export CARGO_TARGET_DIR="${MUTANTS_TARGET:-$root/target/mutants}"
survived=0

# The packages whose tests are to fail, with the words of cargo test.
tests_of() {
    case $1 in
    0[1345]-*) echo "-p agentpulse-queue --lib" ;;
    02-*) echo "-p agentpulse-queue" ;;
    06-* | 08-*) echo "-p agentpulse-registry --lib" ;;
    07-*) echo "-p agentpulse-registry -p agentpulse-notices --lib" ;;
    09-*) echo "-p agentpulse-definitions --lib" ;;
    10-* | 11-* | 13-*) echo "-p agentpulse-selection" ;;
    12-*) echo "-p agentpulse-reports --lib" ;;
    *) echo "no tests are named for $1" >&2 && exit 2 ;;
    esac
}

for patch in "$here"/*"${1:-}"*.patch; do
    name=$(basename "$patch" .patch)
    tests=$(tests_of "$name")
    git checkout --quiet . && git apply "$patch" || exit 2
    # shellcheck disable=SC2086
    cargo test --quiet $tests --no-run || exit 2
    log="$tree/$name.log"
    # One that waits for ever is noticed as well.
    # shellcheck disable=SC2086
    if timeout 900 cargo test --quiet $tests --no-fail-fast >"$log" 2>&1; then
        echo "SURVIVED $name"
        survived=1
    else
        echo "killed   $name"
        sed -n 's/^---- \(.*\) stdout ----$/         by \1/p' "$log" | sort -u
    fi
done
exit $survived
