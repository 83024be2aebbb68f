package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/config"
)

// topics are pages of help that belong to no command alone: `engram-sync help TOPIC`.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "environment", Short: "Variables that are read", Long: environmentTopic()},
		{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesTopic()},
		{Use: "remotes", Short: "Where chunks go, and how a server is named", Long: remotesTopic},
		{Use: "formatting", Short: "Results for scripts: --json, --jq, --template", Long: formattingTopic},
	}
}

const remotesTopic = `A remote is where chunks go. It is chosen by --remote, ENGRAM_SYNC_REMOTE, a
repository's .engram-sync.yaml, or the setting remote, in this order; where only one
is configured, that one is it.

    NAME            one that the settings have a URL for:
                    engram-sync config set remotes.work.url https://engram.example.com
    URL             http:// or https://, with nothing set up
    embedded        a server inside this process, on a file of yours: no set-up
    embedded:DIR    the same in DIR, made by push --init or sync --init

There are two kinds of server: account servers (engram 1.9.4's, engram-sync serve,
embedded) keep chunks byte for byte, and project servers (engram 1.12 and later)
keep a project's rows. Which one it is, is found out. Log in to each once, with
engram-sync login; in CI, give the token in ENGRAM_SYNC_TOKEN.`

const formattingTopic = `stdout is the result, stderr is everything else. With --json stdout is exactly one
JSON document, whose fields are only ever added, and errors are JSON lines on
stderr: docs/output.md lists them all.

    --jq EXPRESSION    print what a jq expression chooses: texts as they are, all
                       else as JSON, one result a line
    --template TEXT    fill a Go template with the document. It knows join, json,
                       pluck, tablerow, tablerender, timeago, timefmt, truncate

Both ask for JSON by themselves:

    engram-sync manifest --local --jq '.chunks[].id'
    engram-sync status --jq '.push | length'
    engram-sync manifest --local --template '{{range .chunks}}{{tablerow .id .created_by}}{{end}}'

--progress json writes how work goes to stderr, a document a second.`

func environmentTopic() string {
	var b strings.Builder
	b.WriteString("Each setting has a variable, which counts before the settings file and after a flag:\n\n")
	for _, key := range config.Keys() {
		if key.Variable != "" {
			fmt.Fprintf(&b, "    %-34s  %s\n", key.Variable, key.Key)
		}
	}
	b.WriteString("\nAnd besides:\n\n")
	for _, v := range [][2]string{
		{"ENGRAM_SYNC_TOKEN", "the token; it counts before any login"},
		{"ENGRAM_SYNC_TOKEN_FILE", "a file that holds it"},
		{"ENGRAM_SYNC_CONFIG", "the settings file, as --config"},
		{"ENGRAM_DATA_DIR", "where engram keeps engram.db (~/.engram)"},
		{"XDG_CONFIG_HOME, XDG_STATE_HOME", "where the settings and our state lie"},
		{"XDG_CACHE_HOME, XDG_DATA_HOME", "where indexes, vaults and servers lie"},
		{"ENGRAM_SYNC_PAGER, PAGER", "what shows long texts on a terminal"},
		{"NO_COLOR", "1: no colours"},
		{"HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "proxies"},
		{"GITHUB_ACTIONS", "true: errors and warnings become annotations"},
	} {
		fmt.Fprintf(&b, "    %-34s  %s\n", v[0], v[1])
	}
	b.WriteString("\nengram's own ENGRAM_CLOUD_SERVER, ENGRAM_REMOTE_URL, ENGRAM_CLOUD_TOKEN, ENGRAM_TOKEN\nand ENGRAM_PROJECT count where nothing of ours does.")
	return b.String()
}

func exitCodesTopic() string {
	var b strings.Builder
	b.WriteString("What a run that ends with such a code has to say:\n\n")
	for _, c := range problem.Codes {
		fmt.Fprintf(&b, "    %3d  %s\n", c.Code, c.Meaning)
	}
	b.WriteString("\nWith several chunks, interruption (129, 130, 143) beats an unknown outcome (8), and\nthat beats damage (7); else it is 3 if something moved and something failed.\nA code that a script does not know means failure.")
	return b.String()
}
