package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// vaultUse says whether this run may make a vault that is not there.
type vaultUse int

const (
	vaultOpen      vaultUse = iota // it may not: a vault that is gone is not an empty one
	vaultFirstPush                 // the default one only
	vaultInit                      // the one that was named, too
)

// PushesToVault is called by commands that push: the first one makes the default
// vault. initialise says that --init was given, which makes any.
func (w *Workspace) PushesToVault(initialise bool) error {
	w.vault = vaultFirstPush
	if !initialise {
		return nil
	}
	if _, ok := w.Config.Remote.Embedded(); !ok {
		return terminal.Usagef("--init makes the vault of --remote embedded:DIR, and the remote is another: leave it out")
	}
	w.vault = vaultInit
	return nil
}

// connectEmbedded opens an account server on a file, in this process.
func connectEmbedded(ctx context.Context, w *Workspace, named string) (*Connection, error) {
	dir, err := w.findVault(named)
	if err != nil {
		return nil, err
	}
	srv, err := server.Open(ctx, server.Options{Dir: dir, Logger: slog.New(asDetail{w.Log.Handler()})})
	if err != nil {
		return nil, fmt.Errorf("open the embedded server: %w", err)
	}
	token, err := srv.LocalToken(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the embedded server: %w", err), srv.Close())
	}
	c := &Connection{Label: "embedded:" + dir, Source: auth.Fixed(token, "the embedded server"), close: srv.Close}
	if err := finish(w, c, "http://localhost", srv.InProcess()); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return c, nil
}

// asDetail logs whatever a server in this process says as what only -v shows: its client is here, and tells what failed.
type asDetail struct{ slog.Handler }

func (d asDetail) Enabled(ctx context.Context, _ slog.Level) bool {
	return d.Handler.Enabled(ctx, slog.LevelInfo)
}

func (d asDetail) Handle(ctx context.Context, r slog.Record) error {
	r.Level = min(r.Level, slog.LevelInfo)
	return d.Handler.Handle(ctx, r)
}

func (d asDetail) WithAttrs(attrs []slog.Attr) slog.Handler {
	return asDetail{d.Handler.WithAttrs(attrs)}
}
func (d asDetail) WithGroup(name string) slog.Handler { return asDetail{d.Handler.WithGroup(name)} }

// CheckVault refuses a vault that is not there before anything else is made for the
// sake of it. Of other remotes it says nothing.
func (w *Workspace) CheckVault() error {
	named, ok := w.Config.Remote.Embedded()
	if !ok {
		return nil
	}
	_, err := w.findVault(named)
	return err
}

// vaultPath is where a vault lies, "" being the default one.
func vaultPath(named string) (string, error) {
	if named == "" {
		named = filepath.Join(xdg.DataHome, "engram-sync", "vault")
	}
	dir, err := filepath.Abs(named)
	if err != nil {
		return "", fmt.Errorf("open the embedded server: %w", err)
	}
	return dir, nil
}

// findVault is where the vault is, or is to be made. One that is not there is
// refused, unless this run is to make it.
func (w *Workspace) findVault(named string) (string, error) {
	dir, err := vaultPath(named)
	if err != nil {
		return "", err
	}
	makes := !w.looks && (w.vault == vaultInit || w.vault == vaultFirstPush && named == "")
	switch err := server.Exists(dir); {
	case err == nil || makes:
		return dir, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", terminal.Usagef("look for the vault: %w", err)
	case named == "":
		return "", terminal.Usagef("there is no vault in %s: `engram-sync push --remote embedded` makes it", dir)
	default:
		return "", terminal.Usagef("there is no vault in %s: correct the path, or make it with `engram-sync push --init --remote %s`", dir, ShellWord("embedded:"+named))
	}
}
