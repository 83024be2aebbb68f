# A chunk's rows, one object each: kind, project, and of an observation that is not personal its title. Their texts are
# anybody's: what Markdown, HTML or a table would obey is taken out, so that they can stand between backquotes.
def plain:
  gsub("[\\p{C}\\p{Z}]+"; " ") | gsub("[`|<>\\[\\]\\\\]"; "·") | .[:100] | if test("[^ ]") then . else "–" end;
def list(name): .[name] | arrays | .[] | objects;

([list("sessions") | select(.id | type == "string") | {key: .id, value: .project}] | from_entries) as $of
| def row(kind; payload):
    {kind: kind, project: ([.project, payload.project, $of[.session_id | strings]] | map(strings | select(. != "")) | first // "–" | plain)};
  (list("sessions") | row("session"; null)),
  (list("observations") | row("observation"; null) + {title: ((select(.scope != "personal") | .title | strings | plain) // null)}),
  (list("prompts") | row("prompt"; null)),
  (list("mutations") | row("change"; .payload | if type == "string" then fromjson? else . end | objects))
