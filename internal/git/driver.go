package git

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
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Kind is what git uses a driver for, as it calls the attribute that chooses one.
type Kind string

// The kinds of drivers.
const (
	Merge Kind = "merge" // to merge files
	Diff  Kind = "diff"  // to make text of files, of which it shows the changes
)

const driver = "engram-sync"

// The variables of the drivers in the repository's configuration. git reads the
// first three; the others are for Uninstall.
const (
	driverName     = "merge.engram-sync.name"
	driverCommand  = "merge.engram-sync.driver"
	driverText     = "diff.engram-sync.textconv"
	driverCreated  = "merge.engram-sync.created"  // the .gitattributes file was made
	driverLineEnd  = "merge.engram-sync.lineend"  // its last line had no end
	driverReplaced = "merge.engram-sync.replaced" // lines that were changed
)

// driverVariables are all of them. git's cache of texts (cachetextconv) is not used: it would go on to show
// what another release made of a file, and keep the text of memories that were taken out.
var driverVariables = []string{driverCommand, driverText, driverName, driverCreated, driverLineEnd, driverReplaced}

// maxAttributes bounds .gitattributes, as git does.
const maxAttributes = 100 << 20

// Driver is our merge driver for one file, and our diff driver for others, in the repository of that file.
type Driver struct {
	Path       string // of the file that is merged, as git sees it
	Attributes string // the .gitattributes file at the top of the work tree

	repository repository
	merged     choice
	shown      choice
	shownFile  string // one that it is for
	mode       fs.FileMode
	before     attributes
	exists     bool
}

// DriverChange is what Install or Uninstall did.
type DriverChange struct {
	Changed  bool
	Written  bool     // the attributes changed too, which the repository shares
	Replaced []string // lines that chose another driver; with Uninstall: that do so again
}

// FindDriver gives the driver that merges one file of a directory, and shows those in shown, a directory in there, whose names
// have a suffix. environ is for git; the repository is the one around the directory, whatever environ says.
func FindDriver(ctx context.Context, environ []string, dir, file, shown, suffix string) (*Driver, error) {
	repo, inside, err := workTree(ctx, environ, dir)
	if err != nil {
		return nil, err
	}
	d := &Driver{repository: repo, Attributes: filepath.Join(repo.dir, ".gitattributes"), mode: 0o644}
	d.Path = path.Join(inside, file)
	d.merged = choice{attributePattern(d.Path, ""), Merge}
	d.shown = choice{attributePattern(path.Join(inside, shown), "*"+suffix), Diff}
	d.shownFile = path.Join(inside, shown, "0"+suffix)
	// git follows no link here either.
	text, err := repofile.Read(d.Attributes, maxAttributes)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the attributes: %w", err)
	}
	info, err := os.Lstat(d.Attributes)
	if err != nil {
		return nil, fmt.Errorf("read the attributes: %w", err)
	}
	d.before, d.exists, d.mode = attributes(text), true, info.Mode().Perm()
	return d, nil
}

// DriverCommand is the command line by which git can run a command of this
// program: our name where that finds it, else its path, quoted for the shell and
// for git.
func DriverCommand(arguments string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the path of this program: %w", err)
	}
	program := "engram-sync"
	if found, err := exec.LookPath(program); err != nil || !sameFile(found, self) {
		quoted := strings.ReplaceAll(filepath.ToSlash(self), "'", `'\''`)
		program = "'" + strings.ReplaceAll(quoted, "%", "%%") + "'"
	}
	return program + " " + arguments, nil
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Line is the line of the attributes that chooses the driver of a kind.
func (d *Driver) Line(kind Kind) string {
	if kind == Diff {
		return d.shown.line()
	}
	return d.merged.line()
}

// Configured says whether this clone knows how to run the driver of a kind. A clone has to be told
// itself; the attributes, which choose the driver, come with the repository.
func (d *Driver) Configured(ctx context.Context, kind Kind) (bool, error) {
	variable := driverCommand
	if kind == Diff {
		variable = driverText
	}
	commands, err := d.repository.config(ctx, variable)
	return len(commands) > 0, err
}

// Install lets git use the drivers, with these commands. A second time it changes
// nothing.
func (d *Driver) Install(ctx context.Context, merge, text string) (DriverChange, error) {
	after, replaced := d.before.install(d.merged)
	after, more := after.install(d.shown)
	replaced = append(replaced, more...)
	changed, err := d.remember(ctx, merge, text, after, replaced)
	if err == nil {
		err = d.write(after)
	}
	return DriverChange{changed || after != d.before, after != d.before, replaced}, err
}

// remember writes the repository's configuration, with what Uninstall needs to
// know, before the attributes change.
func (d *Driver) remember(ctx context.Context, merge, text string, after attributes, replaced []string) (changed bool, err error) {
	type variable struct{ name, value string }
	var set []variable
	if !d.exists {
		set = append(set, variable{driverCreated, "true"})
	}
	if d.before.unfinished() && after != d.before && len(replaced) == 0 {
		set = append(set, variable{driverLineEnd, "added"})
	}
	for _, line := range replaced {
		if _, err := d.repository.run(ctx, "config", "--local", "--add", driverReplaced, line); err != nil {
			return false, err
		}
	}
	set = append(set, variable{driverName, "union of the entries of engram's manifest"}, variable{driverCommand, merge}, variable{driverText, text})
	for _, v := range set {
		written, err := d.repository.setConfig(ctx, v.name, v.value)
		if err != nil {
			return false, err
		}
		changed = changed || written
	}
	return changed, nil
}

func (d *Driver) write(after attributes) error {
	if after == d.before {
		return nil
	}
	if err := replace(d.Attributes, []byte(after), d.mode); err != nil {
		return fmt.Errorf("write the attributes: %w", err)
	}
	return nil
}

// replace is atomicfile.Write for a file of a repository: no link is followed.
func replace(path string, text []byte, mode fs.FileMode) (err error) {
	f, err := atomicfile.Create(path, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Discard()) }() // does nothing after Commit
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Commit()
}

// Overruled says what driver of a kind git will use all the same, "" if it is
// ours: another file of attributes can overrule the one at the top, and a later
// line ours.
func (d *Driver) Overruled(ctx context.Context, kind Kind) (other string, err error) {
	file := d.Path
	if kind == Diff {
		file = d.shownFile
	}
	text, err := d.repository.run(ctx, "check-attr", "-z", string(kind), "--", file)
	if err != nil {
		return "", err
	}
	if fields := strings.Split(text, "\x00"); len(fields) > 2 && fields[2] != driver {
		return fields[2], nil
	}
	return "", nil
}

// Uninstall takes out what Install put in. The configuration stays as long as
// another file of the work tree uses the driver.
func (d *Driver) Uninstall(ctx context.Context) (DriverChange, error) {
	memory, err := d.recall(ctx)
	if err != nil {
		return DriverChange{}, err
	}
	after := d.before.uninstall(d.shown, memory[driverReplaced]).uninstall(d.merged, memory[driverReplaced])
	if after != d.before && len(memory[driverLineEnd]) > 0 && strings.HasPrefix(string(d.before), string(after)) {
		after = attributes(strings.TrimSuffix(strings.TrimSuffix(string(after), "\n"), "\r"))
	}
	change := DriverChange{Changed: after != d.before}
	for line := range strings.Lines(string(after)) {
		if line = strings.TrimRight(line, "\r\n"); slices.Contains(memory[driverReplaced], line) {
			change.Replaced = append(change.Replaced, line)
		}
	}
	if after == "" && len(memory[driverCreated]) > 0 && d.exists {
		err = sharing.Remove(d.Attributes)
	} else {
		err = d.write(after)
	}
	if err != nil || after.usesOurDriver() {
		return change, err
	}
	for _, name := range driverVariables {
		if len(memory[name]) == 0 {
			continue
		}
		change.Changed = true
		if _, err := d.repository.run(ctx, "config", "--local", "--unset-all", name); err != nil {
			return change, err
		}
	}
	return change, nil
}

// recall reads the driver's variables.
func (d *Driver) recall(ctx context.Context) (memory map[string][]string, err error) {
	memory = map[string][]string{}
	for _, name := range driverVariables {
		if memory[name], err = d.repository.config(ctx, name); err != nil {
			return nil, err
		}
	}
	return memory, nil
}
