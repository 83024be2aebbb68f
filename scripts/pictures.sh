#!/usr/bin/env bash
# Draws the terminal recordings of docs/pictures from a real run: each command runs in a pty, and what it wrote is shown
# after it. The run is real, its speed is not: so the same run gives the same picture.
#
#   scripts/pictures.sh PROGRAM          draws them (termtosvg, which Debian packages, is installed if need be)
#   scripts/pictures.sh PROGRAM --check  only looks whether the run still says what the pictures show
set -euo pipefail

program=$1 check=${2-}
top="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
pictures="$top/docs/pictures" fixtures="$top/testdata/fixtures"
columns=102 # what the widest line needs

work="$(mktemp -d "${TMPDIR:-/tmp}/engram-sync-pictures.XXXXXX")"
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

[ -n "$check" ] || command -v termtosvg >/dev/null || {
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends termtosvg
} >&2

# The world of the pictures: Ana at her laptop, a server, and Bo, who has pushed a chunk already.
# Nothing of the caller's own setup takes part.
for variable in $(compgen -v ENGRAM_ || true) $(compgen -v XDG_ || true); do unset "$variable"; done
unset GITHUB_ACTIONS # a runner is told errors in its own way
export HOME="$work/home/ana" USER=ana LC_ALL=C.UTF-8 TERM=xterm-256color
mkdir -p "$HOME/.engram" "$HOME/repo" "$work/bin" "$work/bo"
ln -s "$program" "$work/bin/engram-sync"
export PATH="$work/bin:$PATH"

engram-sync serve --addr 127.0.0.1:0 --data "$work/server" >"$work/serving" 2>&1 &
server=$!
for ((i = 0; i < 100; i++)); do
	url="$(sed -n 's/.* on \(http[^ ]*\)$/\1/p' "$work/serving")"
	[ -z "$url" ] || break
	sleep 0.05 # until the server listens
done
engram-sync config set credential_store file >/dev/null 2>&1
engram-sync config set remotes.work.url "$url" >/dev/null
engram-sync config set remote work >/dev/null
head -c 18 /dev/urandom | base64 |
	engram-sync auth register --username ana --email ana@example.com --password-stdin >/dev/null 2>&1

cp -R "$fixtures/engram-1.9.4/.engram" "$work/bo/.engram"
engram-sync -C "$work/bo" --dir .engram --quiet push c830cde8
cp -R "$fixtures/engram-1.16.1/.engram" "$HOME/repo/.engram"
cp "$fixtures/engram-1.16.1/engram.db" "$HOME/.engram/engram.db"
git -C "$HOME/repo" init -q
git -C "$HOME/repo" remote add origin https://github.com/ana/repo.git

# in_a_terminal DIRECTORY COMMAND... runs a command in a pty, and prints what a terminal shows when it has ended.
in_a_terminal() {
	(cd "$1" && script -qefc "stty cols $columns rows 60; ${*:2}" /dev/null </dev/null) |
		sed -e 's/\r$//' -e 's/.*\r//' -e 's/[0-9]* seconds\? ago/just now/g' -e "s|$url|https://engram.example.com|g" -e "s|$work||g"
}

# A picture is a list of events, as asciicast has them: [time, "o", text].
now=0 cast='' words=''
# event MILLISECONDS TEXT shows text, and lets it stand for that long.
event() {
	cast+="[$((now / 1000)).$(printf %03d $((now % 1000))), \"o\", $(quoted "$2")]"$'\n'
	now=$((now + $1))
}

# quoted TEXT is a JSON string: of what we show only these need an escape.
quoted() {
	local text=$1
	text=${text//\\/\\\\} text=${text//\"/\\\"} text=${text//$'\n'/\\r\\n} text=${text//$'\e'/\\u001b} text=${text//$'\t'/\\t}
	printf '"%s"' "$text"
}

# typed DIRECTORY COMMAND... is a prompt, and a command that somebody types word by word.
typed() {
	local directory=$1 prompt word
	shift
	prompt="${directory/#$HOME/\~}\$"
	event 900 $'\e[32m'"$prompt"$'\e[0m'
	for word in "$@"; do
		event 250 " $word"
	done
	event 300 $'\n'
	words+="$prompt $*"$'\n'
}

# said TEXT is what the command says, and time to read it.
said() {
	words+="$(sed $'s/\e\\[[0-9;]*m//g' <<<"$1")"$'\n' # without its colours
	event 2500 "$1"$'\n'
}

# show DIRECTORY COMMAND... is a command and what it says.
show() {
	typed "$@"
	said "$(in_a_terminal "$@")"
}

# draw NAME ROWS TITLE makes a picture of what was shown, or compares its words.
draw() {
	local name=$1 rows=$2 title=$3 shown escaped end
	escaped="$(sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' <<<"$words")"
	if [ -n "$check" ]; then
		shown="$(sed -n '/<desc/,/<\/desc>/p' "$pictures/$name.svg" | sed -e 's/.*<desc[^>]*>//' -e 's/<\/desc>.*//')"
		escaped="$(perl -CS -pe 's/([^\x00-\x7f])/"&#" . ord($1) . ";"/ge' <<<"$escaped")" # as termtosvg writes them
		diff <(echo "$shown") <(echo "$escaped") || { echo "docs/pictures/$name.svg does not show what a run says: make pictures" >&2; exit 1; }
	else
		printf '{"version": 2, "width": %d, "height": %d}\n%s' "$columns" "$rows" "$cast" >"$work/$name.cast"
		title="$title" words="$escaped" awk '{
			sub(/@TITLE@/, ENVIRON["title"]); i = index($0, "@WORDS@")
			if (i) $0 = substr($0, 1, i - 1) ENVIRON["words"] substr($0, i + 7)
			print
		}' "$top/scripts/pictures.svg" >"$work/window.svg"
		termtosvg render "$work/$name.cast" "$pictures/$name.svg" -t "$work/window.svg" >/dev/null
		end="$(sed -n 's/.*100.000%{transform:translateY(\(-[0-9]*px\))}.*/\1/p' "$pictures/$name.svg")"
		sed -i "s/@END@/${end:?}/" "$pictures/$name.svg"
	fi
	now=0 cast='' words=''
}

show "$HOME/repo" engram-sync status
show "$HOME/repo" engram-sync sync --export
show "$HOME/repo" engram-sync status
draw sync 21 "engram-sync status, sync --export, and status again, in a terminal"

# What one looks at, at the widths of a phone, of a terminal as it opens, and of a wide one.
export ENGRAM_SYNC_PAGER=cat
for columns in 40 80 120; do
	show "$HOME/repo" engram-sync log --limit 2
	show "$HOME/repo" engram-sync search --limit 2 decision
	draw "terminal-$columns" 34 "engram-sync log and search, in a terminal of $columns columns"
done
columns=102

# The demo sets up a world of its own; each of its paragraphs is an event.
typed "$HOME/engram-sync" make demo
paragraph=
while IFS= read -r line; do
	[ -n "$line" ] || { [ -z "$paragraph" ] || said "${paragraph%$'\n'}"; paragraph=; }
	paragraph+="$line"$'\n'
done < <(in_a_terminal "$top" scripts/demo.sh "$program")
said "${paragraph%$'\n'}"
draw demo 45 "make demo, in a terminal"
