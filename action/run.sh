#!/usr/bin/env bash
# Runs a command of engram-sync in a job: what fails becomes annotations (by the program itself), what moved becomes
# outputs and the job summary. The token is in the environment, and nowhere else.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=action/fail.sh
. "$here/fail.sh"

case $INPUT_COMMAND in
"") exit 0 ;; # to be installed was all
pull | verify | push | sync | check) ;;
*) fail "command is none of pull, verify, push, sync and check: $INPUT_COMMAND" ;;
esac
case $INPUT_SUMMARY in
none | counts | titles) ;;
*) fail "summary is none of none, counts and titles: $INPUT_SUMMARY" ;;
esac
command -v jq >/dev/null || fail "jq is missing on this runner: install it in a step before this one"
[ -z "$INPUT_REMOTE" ] || export ENGRAM_SYNC_REMOTE=$INPUT_REMOTE
[ -z "$INPUT_PROJECT" ] || export ENGRAM_SYNC_PROJECT=$INPUT_PROJECT
[ -z "${INPUT_FAIL_ON_SECRETS:-}" ] || export ENGRAM_SYNC_FAIL_ON_SECRETS=$INPUT_FAIL_ON_SECRETS
cd -- "$INPUT_DIRECTORY" 2>/dev/null || fail "there is no directory $INPUT_DIRECTORY"
read -r -d '' -a args <<<"$INPUT_ARGS" || true

work=$(mktemp -d "${RUNNER_TEMP:-/tmp}/engram-sync.XXXXXX") # stays: the output json is in it
code=0

# run FILE COMMAND [FLAG...] runs one command, keeps its document, and the first exit code that is not 0.
run() {
	local file=$work/$1.json ended=0
	shift
	engram-sync "$@" --json --log-format github ${args[0]+"${args[@]}"} >"$file" || ended=$?
	[ -s "$file" ] || echo '{}' >"$file" # it ended before there was a result
	[ "$code" -ne 0 ] || code=$ended
}

# query FILTER [FILE] asks a document. jq ends lines on Windows as Windows does.
query() { jq -r "$1" "${2-$work/result.json}" | tr -d '\r'; }

chunks() { echo "[$1 | .id] | unique | length"; }

if [ "$INPUT_COMMAND" = check ]; then
	run verified verify
	run result push --dry-run --exit-code
else
	run result "$INPUT_COMMAND"
	cp "$work/result.json" "$work/verified.json"
fi
pushed=$(query "$(chunks '.moved[]? | select(.direction == "push")')")
pulled=$(query "$(chunks '.moved[]? | select(.direction == "pull")')")
pending=$(query "$(chunks '.planned[]?')")
failed=$(jq -s '[.[] | .failed[]? | .id] | unique | length' "$work/verified.json" "$work/result.json" | tr -d '\r')
checked=$(query '.summary.checked // ""' "$work/verified.json")
warnings=$(query '.summary.warnings // ""' "$work/verified.json")
if [ "$INPUT_COMMAND" = check ] && [ "$pending" -gt 0 ]; then
	echo "::error::chunks that are committed and not on the server: $pending; engram-sync push, or the action with command: push, sends them"
fi
{
	printf '%s\n' "exit-code=$code" "pushed=$pushed" "pulled=$pulled" "pending=$pending" "failed=$failed"
	printf 'json=%s\n' "$work/result.json"
} >>"$GITHUB_OUTPUT"

# rows lists what is in the chunks that moved or would, one JSON object for each memory. What is too large to be read
# here, or is not here yet, is left out.
rows() {
	local dir id
	dir=$(query '.summary.dir // ""')
	query '[.moved[]?, .planned[]? | .id | strings | select(test("^[0-9a-f]{8}$"))] | unique | .[:1000][]' | while read -r id; do
		[ ! -f "$dir/chunks/$id.jsonl.gz" ] ||
			{ gzip -dc "$dir/chunks/$id.jsonl.gz" | head -c 67108864 | jq -c -f "$here/memories.jq"; } 2>/dev/null || true
	done
}

# summary writes Markdown: everything in it that is not a number has been through memories.jq.
summary() {
	printf '### engram-sync %s: %s\n\n' "$INPUT_COMMAND" "$([ "$code" -eq 0 ] && echo 'done' || echo "exit code $code")"
	local line row table=""
	for line in "pushed $pushed" "pulled $pulled" "pending $pending" "verified $checked" "warnings $warnings" "failed $failed"; do
		case $line in
		*" 0" | *" ") ;;
		*)
			printf -v row '| %s | %s |\n' "${line% *}" "${line#* }"
			table+=$row
			;;
		esac
	done
	if [ "$table" ]; then
		printf '| chunks | |\n|---|---:|\n%s' "$table"
	elif [ "$code" -eq 0 ]; then
		echo "There was nothing to do."
	else
		echo "No chunk moved: the log says why."
	fi
	rows >"$work/rows"
	[ -s "$work/rows" ] || return 0
	printf '\n| project | sessions | observations | prompts | changes |\n|---|---:|---:|---:|---:|\n'
	jq -n -r 'reduce inputs as $row ({}; .[$row.project][$row.kind] += 1) | to_entries | sort_by(.key) | .[:50][] |
		"| `\(.key)` | \(.value.session // 0) | \(.value.observation // 0) | \(.value.prompt // 0) | \(.value.change // 0) |"' "$work/rows"
	[ "$INPUT_SUMMARY" = titles ] || return 0
	printf '\n'
	jq -n -r '[limit(200; inputs | select(.title))][] | "- `\(.title)`"' "$work/rows"
}
[ "$INPUT_SUMMARY" = none ] || summary >>"${GITHUB_STEP_SUMMARY:-/dev/null}"

echo "engram-sync $INPUT_COMMAND: $pushed pushed, $pulled pulled, $pending pending, $failed failed; exit code $code"
exit "$code"
