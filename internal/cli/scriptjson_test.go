package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdJSONOK also fails on a second document: a reader of one would miss it.
func cmdJSONOK(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jsonok FILE")
	}
	readJSON(ts, args[0])
}

func cmdJSONHas(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: jsonhas FILE PATH VALUE")
	}
	got := jsonMember(ts, args[0], args[1])
	if (got == args[2]) == neg {
		ts.Fatalf("%s is %q, want %q (negated: %t)", args[1], got, args[2], neg)
	}
}

func cmdJSONGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: jsonget FILE PATH VAR")
	}
	ts.Setenv(args[2], jsonMember(ts, args[0], args[1]))
}

// jsonMember is the text of a member.
func jsonMember(ts *testscript.TestScript, file, path string) string {
	value, err := dig(readJSON(ts, file), strings.Split(path, "."))
	if err != nil {
		ts.Fatalf("%s: %v", path, err)
	}
	if number, ok := value.(float64); ok {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

func cmdJSONShape(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: jsonshape FILE GOLDEN")
	}
	members := map[string]bool{}
	addShape(members, "", readJSON(ts, args[0]))
	got := strings.Join(slices.Sorted(maps.Keys(members)), "\n") + "\n"
	if diff := cmp.Diff(ts.ReadFile(args[1]), got); diff != "" {
		ts.Fatalf("the shape of %s has changed (-%s +got):\n%s", args[0], args[1], diff)
	}
}

func readJSON(ts *testscript.TestScript, file string) any {
	text := ts.ReadFile(file)
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		ts.Fatalf("%s is not one JSON document: %v\n%s", file, err, text)
	}
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%s is not one line of JSON:\n%s", file, text)
	}
	return doc
}

// dig follows a path of member names and indexes. "length" is that of a list.
func dig(value any, path []string) (any, error) {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			member, ok := v[step]
			if !ok {
				return nil, fmt.Errorf("there is no member %q", step)
			}
			value = member
		case []any:
			if step == "length" {
				return float64(len(v)), nil
			}
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil, fmt.Errorf("there is no element %q among %d", step, len(v))
			}
			value = v[i]
		default:
			return nil, fmt.Errorf("%q is below something that has no members", step)
		}
	}
	return value, nil
}

// addShape lists every member that is there, with its type.
func addShape(members map[string]bool, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			addShape(members, strings.TrimPrefix(path+"."+name, "."), member)
		}
	case []any:
		members[path+" list"] = true
		for _, element := range v {
			addShape(members, path+"[]", element)
		}
	case nil:
		members[path+" null"] = true
	default:
		members[fmt.Sprintf("%s %T", path, v)] = true
	}
}

// cmdBrowsed browses a chunk directory until the document is printed, which is held against its schema as that of commands
// that end by themselves.
func cmdBrowsed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: browsed DIR")
	}
	cmd := exec.CommandContext(context.Background(), "engram-sync", "browse", "--json", "--no-open", "--dir", ts.MkAbs(args[0]))
	cmd.Env = os.Environ()
	for name, value := range homeAt(ts.Getenv("HOME")) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	text, err := bufio.NewReader(stdout).ReadBytes('\n')
	_ = cmd.Process.Kill() // it stays until then
	_ = cmd.Wait()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("browsed.json"), text, 0o600))
	if documents != "" {
		ts.Check(os.WriteFile(filepath.Join(documents, "browse.1.json"), text, 0o600))
	}
}
