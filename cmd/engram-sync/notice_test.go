package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write NOTICE anew")

const noticePath = "../../NOTICE"

const noticeHead = `engram-sync contains the modules below, each under the licence that follows it. This file is written
by ` + "`make docs`" + ` from the modules that are linked into the program on Linux, macOS and Windows.
`

// TestNotice holds NOTICE to what is linked into the program: BSD, MIT and Apache licences want their
// text, and who wrote the code, to go with every copy.
func TestNotice(t *testing.T) {
	want := notice(t)
	if *update {
		if err := os.WriteFile(noticePath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(noticePath)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Error("NOTICE is not what is linked into the program: run `make docs`")
	}
}

// licence is a file of a module, and the text in it.
type licence struct{ file, text string }

// notice lists all modules with the texts of their licences; those with the same texts stand together.
func notice(t *testing.T) string {
	t.Helper()
	modules := map[string][]licence{}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range linkedPackages(t, goos) {
			if p.Module == nil || p.Module.Main {
				continue // the standard library, below; and this module
			}
			name := p.Module.Path
			modules[name] = addLicences(t, modules[name], p.Module.Dir, p.Dir)
		}
	}
	rules, err := filepath.Abs("../../internal/secretscan")
	if err != nil {
		t.Fatal(err)
	}
	modules["github.com/zricethezav/gitleaks/v8 (its rules, in internal/secretscan)"] = addLicences(t, nil, rules, rules)
	byText := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		licences := modules[name]
		if len(licences) == 0 {
			t.Errorf("%s has no licence file: find out under which terms it may be passed on", name)
		}
		slices.SortFunc(licences, func(a, b licence) int { return cmp.Compare(a.file, b.file) })
		var text strings.Builder
		for _, l := range licences {
			if l.file != "LICENSE" && l.file != "LICENSE.txt" {
				fmt.Fprintf(&text, "\n%s:\n", l.file)
			}
			fmt.Fprintf(&text, "\n%s\n", strings.Trim(l.text, "\n"))
		}
		byText[text.String()] = append(byText[text.String()], name)
		if name == "golang.org/x/sys" {
			// Not every distribution of Go has its licence in a file; it is this one.
			byText[text.String()] = append(byText[text.String()], "Go's standard library")
		}
	}
	var b strings.Builder
	b.WriteString(noticeHead)
	groups := slices.SortedFunc(maps.Keys(byText), func(a, b string) int { return cmp.Compare(byText[a][0], byText[b][0]) })
	for _, text := range groups {
		fmt.Fprintf(&b, "\n%s\n\n%s\n%s", strings.Repeat("-", 100), strings.Join(byText[text], "\n"), text)
	}
	return b.String()
}

// linkedPackage is what `go list` says of one.
type linkedPackage struct {
	Dir    string
	Module *struct {
		Path, Dir string
		Main      bool
	}
}

func linkedPackages(t *testing.T, goos string) []linkedPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Dir,Module", ".")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", goos, err)
	}
	var packages []linkedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p linkedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// addLicences adds the files about licences from the package's directory up to its module's.
func addLicences(t *testing.T, known []licence, module, dir string) []licence {
	t.Helper()
	for {
		for _, pattern := range []string{"LICEN[SC]E*", "COPYING*", "NOTICE*"} {
			paths, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				name, err := filepath.Rel(module, path)
				if err != nil {
					t.Fatal(err)
				}
				name = filepath.ToSlash(name)
				if slices.ContainsFunc(known, func(l licence) bool { return l.file == name }) {
					continue
				}
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				known = append(known, licence{name, strings.ReplaceAll(string(text), "\r\n", "\n")})
			}
		}
		if dir == module {
			return known
		}
		dir = filepath.Dir(dir)
	}
}
