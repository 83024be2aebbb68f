package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// The variables of the driver in the repository's configuration. git reads the
// first two; the others are for --uninstall.
const (
	driverName     = "merge.engram-sync.name"
	driverCommand  = "merge.engram-sync.driver"
	driverCreated  = "merge.engram-sync.created"  // the .gitattributes file was made
	driverLineEnd  = "merge.engram-sync.lineend"  // its last line had no end
	driverReplaced = "merge.engram-sync.replaced" // lines that were changed
)

// driverSetup is where --install and --uninstall work.
type driverSetup struct {
	git      git
	file     string // .gitattributes at the top of the work tree
	manifest string // as git sees it
	pattern  string
	mode     fs.FileMode
	before   attributes
	exists   bool
}

// driverDocument is what they print in JSON mode.
type driverDocument struct {
	Schema     int      `json:"schema"`
	Action     string   `json:"action"` // "install" or "uninstall"
	Attributes string   `json:"attributes"`
	Line       string   `json:"line"`
	Replaced   []string `json:"replaced"` // lines that chose another driver; with uninstall: that do so again
	Driver     string   `json:"driver"`   // the command; "" after uninstall
	Changed    bool     `json:"changed"`
}

func (a *app) setupDriver(ctx context.Context) (*driverSetup, error) {
	dir, err := a.OpenDirectory()
	if err != nil {
		return nil, err
	}
	top, inside, err := a.git(dir.Path()).workTree(ctx)
	if err != nil {
		return nil, err
	}
	s := &driverSetup{git: a.git(top), file: filepath.Join(top, ".gitattributes"), mode: 0o644}
	s.manifest = path.Join(inside, "manifest.json")
	s.pattern = attributePattern(s.manifest)
	info, err := os.Stat(s.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("read the attributes: %w", err)
	}
	text, err := os.ReadFile(s.file)
	if err != nil {
		return nil, fmt.Errorf("read the attributes: %w", err)
	}
	s.before, s.exists, s.mode = attributes(text), true, info.Mode().Perm()
	return s, nil
}

// installDriver lets git use the driver. A second time it changes nothing.
func (a *app) installDriver(ctx context.Context) error {
	s, err := a.setupDriver(ctx)
	if err != nil {
		return err
	}
	command, err := a.driverCommand()
	if err != nil {
		return err
	}
	after, replaced := s.before.install(s.pattern)
	changed, err := s.remember(ctx, command, after, replaced)
	if err != nil {
		return err
	}
	if err := s.write(after); err != nil {
		return err
	}
	a.warnOtherDriver(ctx, s)
	doc := driverDocument{Action: "install", Attributes: s.file, Line: s.pattern + " " + useOurDriver, Replaced: replaced, Driver: command}
	doc.Changed = changed || after != s.before
	a.printDriver(doc, s)
	return nil
}

// driverCommand is the command line that git runs: our name where that finds
// this program, else its path, quoted for the shell and for git.
func (a *app) driverCommand() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the path of this program: %w", err)
	}
	program := "engram-sync"
	if found, err := exec.LookPath(program); err != nil || !sameFile(found, self) {
		quoted := strings.ReplaceAll(filepath.ToSlash(self), "'", `'\''`)
		program = "'" + strings.ReplaceAll(quoted, "%", "%%") + "'"
	}
	return program + " merge-driver %O %A %B %P", nil
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// remember writes the repository's configuration, with what uninstall needs to
// know, before the attributes change.
func (s *driverSetup) remember(ctx context.Context, command string, after attributes, replaced []string) (changed bool, err error) {
	if !s.exists {
		if _, err := s.git.setConfig(ctx, driverCreated, "true"); err != nil {
			return false, err
		}
	}
	if s.before.unfinished() && after != s.before && len(replaced) == 0 {
		if _, err := s.git.setConfig(ctx, driverLineEnd, "added"); err != nil {
			return false, err
		}
	}
	for _, line := range replaced {
		if _, err := s.git.run(ctx, "config", "--local", "--add", driverReplaced, line); err != nil {
			return false, err
		}
	}
	named, err := s.git.setConfig(ctx, driverName, "union of the entries of engram's manifest")
	if err != nil {
		return false, err
	}
	set, err := s.git.setConfig(ctx, driverCommand, command)
	return named || set, err
}

// write writes the attributes, if they changed.
func (s *driverSetup) write(after attributes) error {
	if after == s.before {
		return nil
	}
	if err := atomicfile.Write(s.file, []byte(after), s.mode); err != nil {
		return fmt.Errorf("write the attributes: %w", err)
	}
	return nil
}

// warnOtherDriver says if git will not use the driver all the same: another
// file of attributes can overrule the one at the top, and a later line ours.
func (a *app) warnOtherDriver(ctx context.Context, s *driverSetup) {
	text, err := s.git.run(ctx, "check-attr", "-z", "merge", "--", s.manifest)
	if err != nil {
		a.Warn(err.Error())
		return
	}
	if fields := strings.Split(text, "\x00"); len(fields) > 2 && fields[2] != "engram-sync" {
		a.Warn("git will use merge=" + fields[2] + " all the same: look for it in " + path.Dir(s.manifest) +
			"/.gitattributes and in info/attributes of the repository, and for a later line in " + s.file)
	}
}

// uninstallDriver takes out what installDriver put in. The configuration stays
// as long as another chunk directory of the work tree uses it.
func (a *app) uninstallDriver(ctx context.Context) error {
	s, err := a.setupDriver(ctx)
	if err != nil {
		return err
	}
	memory, err := s.recall(ctx)
	if err != nil {
		return err
	}
	after := s.before.uninstall(s.pattern, memory[driverReplaced])
	if after != s.before && len(memory[driverLineEnd]) > 0 && strings.HasPrefix(string(s.before), string(after)) {
		after = attributes(strings.TrimSuffix(strings.TrimSuffix(string(after), "\n"), "\r"))
	}
	doc := driverDocument{Action: "uninstall", Attributes: s.file, Line: s.pattern + " " + useOurDriver, Changed: after != s.before}
	for line := range strings.Lines(string(after)) {
		if line = strings.TrimRight(line, "\r\n"); slices.Contains(memory[driverReplaced], line) {
			doc.Replaced = append(doc.Replaced, line)
		}
	}
	if after == "" && len(memory[driverCreated]) > 0 && s.exists {
		err = os.Remove(s.file)
	} else {
		err = s.write(after)
	}
	if err != nil {
		return err
	}
	if !after.usesOurDriver() {
		gone, err := s.forget(ctx)
		if err != nil {
			return err
		}
		doc.Changed = doc.Changed || gone
	}
	a.printDriver(doc, s)
	return nil
}

// driverVariables are all of the driver's in the configuration.
var driverVariables = []string{driverCommand, driverName, driverCreated, driverLineEnd, driverReplaced}

// recall reads them.
func (s *driverSetup) recall(ctx context.Context) (map[string][]string, error) {
	memory := map[string][]string{}
	for _, name := range driverVariables {
		values, err := s.git.config(ctx, name)
		if err != nil {
			return nil, err
		}
		memory[name] = values
	}
	return memory, nil
}

// forget removes them, and says whether there were any.
func (s *driverSetup) forget(ctx context.Context) (found bool, err error) {
	for _, name := range driverVariables {
		gone, err := s.git.unsetConfig(ctx, name)
		if err != nil {
			return found, err
		}
		found = found || gone
	}
	return found, nil
}

func (a *app) printDriver(doc driverDocument, s *driverSetup) {
	doc.Schema = terminal.Schema
	if doc.Replaced == nil {
		doc.Replaced = []string{}
	}
	switch {
	case a.JSON:
		terminal.PrintJSON(a.Stdout, doc)
		return
	case a.Quiet:
		return
	case !doc.Changed:
		fmt.Fprintf(a.Stdout, "nothing to do: the merge driver for %s is %sed already\n", s.manifest, doc.Action)
		return
	}
	fmt.Fprintf(a.Stdout, "%sed the merge driver for %s\n", doc.Action, s.manifest)
	for _, line := range doc.Replaced {
		if doc.Action == "install" {
			fmt.Fprintf(a.Stdout, "in %s it takes the place of: %s\n", s.file, line)
		} else {
			fmt.Fprintf(a.Stdout, "in %s there is again: %s\n", s.file, line)
		}
	}
	if doc.Action == "install" {
		fmt.Fprintf(a.Stdout, "commit %s, and run this command once in every other clone\n", s.file)
	}
}
