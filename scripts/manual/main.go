// Command manual writes the man pages and the shell completions of engram-sync, laid out as below
// /usr/share: `go run ./scripts/manual DIR`.
//
// SOURCE_DATE_EPOCH, in seconds, dates the pages: the same commit gives the same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/engram-sync/engram-sync/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manual DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1], cli.Command()); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// write puts the pages of root and of all commands below it, and its completions, under dir.
func write(dir string, root *cobra.Command) error {
	files := map[string]*bytes.Buffer{}
	file := func(name string) *bytes.Buffer {
		files[name] = &bytes.Buffer{}
		return files[name]
	}
	if err := addPages(root, func(name string) *bytes.Buffer { return file("man/man1/" + name) }); err != nil {
		return err
	}
	name := root.Name()
	for _, err := range []error{
		root.GenBashCompletionV2(file("bash-completion/completions/"+name), true),
		root.GenZshCompletion(file("zsh/site-functions/_" + name)),
		root.GenFishCompletion(file("fish/vendor_completions.d/"+name+".fish"), true),
		root.GenPowerShellCompletionWithDesc(file("powershell/" + name + ".ps1")),
	} {
		if err != nil {
			return err
		}
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// addPages writes each page plain, for archives and `make install`, and compressed, as packages have it.
func addPages(cmd *cobra.Command, file func(name string) *bytes.Buffer) error {
	cmd.Long = blocks(cmd.Long)
	header := &doc.GenManHeader{Section: "1", Source: "engram-sync", Manual: "engram-sync manual"}
	cmd.DisableAutoGenTag = true
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
	page := file(name)
	if err := doc.GenMan(cmd, header, page); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	packed, err := gzip.NewWriterLevel(file(name+".gz"), gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := packed.Write(page.Bytes()); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			if err := addPages(sub, file); err != nil {
				return err
			}
		}
	}
	return nil
}

var markup = strings.NewReplacer("<", `\<`, "*", `\*`, "_", `\_`)

// blocks sets off the indented lines of a help text as Markdown wants it, so that they stay lines, and
// takes what Markdown would read as markup in the others for what it is.
func blocks(text string) string {
	var b strings.Builder
	inBlock := false
	for line := range strings.Lines(text) {
		indented := strings.HasPrefix(line, "  ")
		if indented != inBlock && strings.TrimSpace(line) != "" {
			b.WriteByte('\n')
			inBlock = indented
		}
		if indented {
			b.WriteString("    " + line)
		} else {
			b.WriteString(markup.Replace(line))
		}
	}
	return b.String()
}
