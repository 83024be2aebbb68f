package cli

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// aCommand is what stands in a hint between backquotes.
var aCommand = regexp.MustCompile("`([^`]+)`")

// cmdMend does what doctor says: it runs the first command of the hint of the first finding
// of a check that is not in order, in the story's own directory.
func cmdMend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mend CHECK")
	}
	var doc struct {
		Findings []struct{ Check, Verdict, Hint string } `json:"findings"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
	for _, n := range doc.Findings {
		if n.Check != args[0] || n.Verdict == "ok" || n.Verdict == "skipped" {
			continue
		}
		named := aCommand.FindStringSubmatch(n.Hint)
		if named == nil {
			ts.Fatalf("the hint names no command: %q", n.Hint)
		}
		words := strings.Fields(named[1])
		ts.Check(ts.Exec(words[0], words[1:]...))
		return
	}
	ts.Fatalf("%s is in order", args[0])
}

// cmdFollow does what a message says: it runs the first command of engram-sync that stdout or stderr names.
func cmdFollow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: follow stdout|stderr")
	}
	for _, named := range aCommand.FindAllStringSubmatch(ts.ReadFile(args[0]), -1) {
		if words := strings.Fields(named[1]); words[0] == "engram-sync" {
			ts.Check(ts.Exec(words[0], words[1:]...))
			return
		}
	}
	ts.Fatalf("%s names no command of engram-sync", args[0])
}

// cmdVerdict looks whether every finding of a check has this verdict, in what doctor
// has printed as JSON, and that there is one.
func cmdVerdict(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: verdict CHECK ok|warn|fail|skipped")
	}
	var doc struct {
		Findings []struct{ Check, Verdict, Message string } `json:"findings"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
	found := false
	for _, n := range doc.Findings {
		if n.Check != args[0] {
			continue
		}
		if found = true; n.Verdict != args[1] {
			ts.Fatalf("%s is %s, want %s: %s", n.Check, n.Verdict, args[1], n.Message)
		}
	}
	if !found {
		ts.Fatalf("there is no finding about %s", args[0])
	}
}
