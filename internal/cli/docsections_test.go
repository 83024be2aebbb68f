package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/config"
)

// section compares the generated part of a page with what it should be; `make docs` writes it anew.
func section(t *testing.T, page, name, want string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", page)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "\n<!-- end of "+name+" -->"
	from, to := strings.Index(string(text), begin)+len(begin), strings.Index(string(text), end)
	if from < len(begin) || to < from {
		t.Fatalf("%s has no section %q", path, name)
	}
	switch {
	case string(text[from:to]) == want:
	case !*update:
		t.Errorf("docs/%s is out of date, run `make docs`", page)
	default:
		if err := os.WriteFile(path, []byte(string(text[:from])+want+string(text[to:])), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDocsOfSettings: the page has every key, as the table of settings has it.
func TestDocsOfSettings(t *testing.T) {
	sync, _, err := Command().Find([]string{"sync"}) // which has every flag that is a setting
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| key | what it says | default | variable | flag |\n|---|---|---|---|---|")
	for _, k := range config.Keys() {
		flag := ""
		if sync.Flag(k.Flag) != nil {
			flag = "`--" + k.Flag + "`"
		}
		key := "`" + k.Key + "`"
		if k.InRepo {
			key += " *"
		}
		fmt.Fprintf(&b, "\n| %s | %s | %s | %s | %s |", key, k.About, quoted(k.Default), quoted(k.Variable), flag)
	}
	section(t, "configuration.md", "table of settings", b.String())
}

// TestDocsOfErrors: the page has every class of errors, by its id.
func TestDocsOfErrors(t *testing.T) {
	var b strings.Builder
	b.WriteString("Exit codes: ")
	for i, c := range problem.Codes {
		if i > 0 {
			fmt.Fprintf(&b, "[%d](#exit-code-%[1]d) · ", c.Code)
		}
	}
	page := strings.TrimSuffix(b.String(), " · ") + "\n"
	for _, c := range problem.Codes[1:] {
		page += fmt.Sprintf("\n## Exit code %d\n\n%s.\n", c.Code, strings.ToUpper(c.Meaning[:1])+c.Meaning[1:])
		for _, class := range problem.Classes {
			if class.Code == c.Code {
				page += errorSection(class)
			}
		}
		if c.Code == problem.Failed {
			page += "\n### " + problem.Unexpected + "\n\nNothing here is known to be the cause: the message has what the system says. Ask, with `engram-sync doctor --bundle FILE`.\n"
		}
	}
	page += "\n## The exit code of the cause\n\nThese are about the state of a file, and end with the code of what is wrong with it.\n"
	for _, class := range problem.Classes {
		if class.Code == problem.OK {
			page += errorSection(class)
		}
	}
	section(t, "troubleshooting.md", "classes of errors", strings.TrimSuffix(page, "\n"))
}

func errorSection(c problem.Class) string {
	text := "\n### " + c.ID + "\n\n" + c.Meaning + "\n"
	if c.Next != "" {
		text += "\n*The message ends with:* " + c.Next + "\n"
	}
	return text
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
