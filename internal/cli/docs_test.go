package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
)

var update = flag.Bool("update", false, "write the generated docs")

// TestDocs compares docs/cli with what the commands say about themselves.
// `make docs` writes it anew.
func TestDocs(t *testing.T) {
	root := Command()
	pages := map[string]string{"exit-codes.md": exitCodesPage()}
	addPages(t, root, pages)
	dir := filepath.Join("..", "..", "docs", "cli")
	if *update {
		writePages(t, dir, pages)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := pages[f.Name()]; !ok {
			t.Errorf("docs/cli/%s is about no command: run `make docs`", f.Name())
		}
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%v: run `make docs`", err)
			continue
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("docs/cli/%s is out of date, run `make docs` (-want +got):\n%s", name, diff)
		}
	}
}

func addPages(t *testing.T, cmd *cobra.Command, pages map[string]string) {
	t.Helper()
	cmd.DisableAutoGenTag = true
	var page bytes.Buffer
	if err := doc.GenMarkdown(cmd, &page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if cmd.HasParent() {
		text = strings.Replace(text, "### SEE ALSO", "And the [flags of every command](engram-sync.md#options).\n\n### SEE ALSO", 1)
	}
	pages[strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md"] = text
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true }) // from here on: they stand on the root's page
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			addPages(t, sub, pages)
		}
	}
}

func exitCodesPage() string {
	var b strings.Builder
	b.WriteString("# Exit codes\n\n| code | kind | meaning |\n|---|---|---|\n")
	for _, c := range problem.Codes {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", c.Code, c.Kind, c.Meaning)
	}
	b.WriteString("\nWith several chunks, interruption (129, 130, 143) beats an unknown outcome (8), that beats damage (7); else it is 3\n" +
		"if something moved and something failed, or else what all failures have in common.\n")
	b.WriteString("\nA code that a script does not know means failure. `kind` is the word for a code in JSON output.\n")
	return b.String()
}

func writePages(t *testing.T, dir string, pages map[string]string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
