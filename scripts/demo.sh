#!/bin/sh
# Shows the main job on real data that engram 1.16.1 wrote: memories that its
# export left behind become a chunk, chunks go to an account server and come down
# into a fresh directory, the journal goes up and comes down, and all is verified.
# Everything happens in a temporary directory; no token or keyring is needed.
set -eu

engram_sync=$1
fixture=$(cd "$(dirname "$0")/.." && pwd)/testdata/fixtures/engram-1.16.1

work=$(mktemp -d "${TMPDIR:-/tmp}/engram-sync-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Nothing of the caller's own setup takes part.
unset $(env | sed -n 's/^\(ENGRAM_[A-Z_]*\)=.*/\1/p')
export ENGRAM_SYNC_REMOTE=embedded:../server # an account server inside the process, on an SQLite file
export HOME="$work/home" XDG_CONFIG_HOME="$work/home/config" XDG_STATE_HOME="$work/home/state" XDG_DATA_HOME="$work/home/data"
mkdir -p "$HOME/.engram" "$work/laptop" "$work/desktop"
cp -R "$fixture/.engram" "$work/laptop/.engram"
cp "$fixture/engram.db" "$HOME/.engram/engram.db" # where engram keeps it

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
say() { printf '\n%s\n' "$*"; }
run() { # shows a command line and runs it in a machine's directory
	machine=$1
	shift
	printf '%s$ engram-sync %s\n' "$machine" "$*"
	(cd "$work/$machine" && "$engram_sync" "$@" >"$work/output" 2>&1) || failed=$?
	sed "s|$work/||g" "$work/output"
	[ "${failed:-0}" -eq 0 ] || exit "$failed"
}

say "Three chunks that engram 1.16.1 exported lie on the laptop."
run laptop manifest --local
say "engram's database on the laptop holds more: what its own export leaves behind
for ever is found, and put into a chunk."
run laptop export --project repo
say "Push them to an account server (here one inside the process, on an SQLite file).
The second time there is nothing left to do:"
run laptop push --init
run laptop push
say "Pull them on another machine:"
run desktop pull --dir .engram
run desktop verify --dir .engram
say "Both sides hold the same bytes:"
diff -r "$work/laptop/.engram/chunks" "$work/desktop/.engram/chunks"
(cd "$work/desktop/.engram/chunks" && for f in *.gz; do
	printf '%s  gunzip + sha256: %s\n' "$f" "$(gzip -dc "$f" | sha256 | cut -c1-8)"
done)
say "The journal of single changes goes to the server, each change once and in order,
and comes down as JSON Lines:"
run laptop mutations push --db
run laptop mutations push --db
run desktop mutations pull --output changes.jsonl
wc -l <"$work/desktop/changes.jsonl" | sed 's/ *$/ lines in changes.jsonl/'
say "Done: 4 chunks and 25 changes up and down, every byte checked."
