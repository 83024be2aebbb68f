package mergedriver

import (
	"context"
	"fmt"
	"path"

	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// driverDocument is what --install and --uninstall print in JSON mode.
type driverDocument struct {
	Schema     int      `json:"schema"`
	Action     string   `json:"action"` // "install" or "uninstall"
	Attributes string   `json:"attributes"`
	Line       string   `json:"line"`
	Replaced   []string `json:"replaced"` // lines that chose another driver; with uninstall: that do so again
	Driver     string   `json:"driver"`   // the command; "" after uninstall
	Changed    bool     `json:"changed"`
}

// setUp runs --install or --uninstall.
func (d *driver) setUp(ctx context.Context) error {
	dir, err := d.ws.OpenDirectory()
	if err != nil {
		return err
	}
	driver, err := git.FindDriver(ctx, d.ws.Environ, dir.Path(), "manifest.json")
	if err != nil {
		return err
	}
	doc := driverDocument{Schema: terminal.Schema, Action: "uninstall", Attributes: driver.Attributes, Line: driver.Line, Replaced: []string{}}
	var change git.DriverChange
	if d.install {
		doc.Action = "install"
		if doc.Driver, err = git.DriverCommand("merge-driver %O %A %B %P"); err != nil {
			return err
		}
		change, err = driver.Install(ctx, doc.Driver)
	} else {
		change, err = driver.Uninstall(ctx)
	}
	if err != nil {
		return err
	}
	if d.install {
		warnOverruled(ctx, d.term, driver)
	}
	doc.Changed, doc.Replaced = change.Changed, append(doc.Replaced, change.Replaced...)
	printDriver(d.term, doc, driver.Path)
	return nil
}

// warnOverruled says if git will not use the driver all the same.
func warnOverruled(ctx context.Context, term *terminal.Terminal, d *git.Driver) {
	other, err := d.Overruled(ctx)
	switch {
	case err != nil:
		term.Warn(terminal.OneLine(err.Error()))
	case other != "":
		term.Warn("git will use merge=" + other + " all the same: look for it in " + path.Dir(d.Path) +
			"/.gitattributes and in info/attributes of the repository, and for a later line in " + d.Attributes)
	}
}

func printDriver(term *terminal.Terminal, doc driverDocument, manifest string) {
	switch {
	case term.JSON:
		terminal.PrintJSON(term.Stdout, doc)
		return
	case term.Quiet:
		return
	case !doc.Changed:
		fmt.Fprintf(term.Stdout, "nothing to do: the merge driver for %s is %sed already\n", manifest, doc.Action)
		return
	}
	fmt.Fprintf(term.Stdout, "%sed the merge driver for %s\n", doc.Action, manifest)
	for _, line := range doc.Replaced {
		if doc.Action == "install" {
			fmt.Fprintf(term.Stdout, "in %s it takes the place of: %s\n", doc.Attributes, line)
		} else {
			fmt.Fprintf(term.Stdout, "in %s there is again: %s\n", doc.Attributes, line)
		}
	}
	if doc.Action == "install" {
		fmt.Fprintf(term.Stdout, "commit %s, and run this command once in every other clone\n", doc.Attributes)
	}
}
