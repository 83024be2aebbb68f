// Package workspace is what a command works on: configuration, chunk directory, project and remote, opened when asked for.
// Only the commands call it.
package workspace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/adrg/xdg"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// Workspace is the place that a command line speaks of. Before Load only its
// settings file is known.
type Workspace struct {
	Chdir   string // -C
	Environ []string
	Config  config.Config
	Inputs  config.Inputs // what Config comes from
	Log     *slog.Logger
	// TokenFrom is what gave the token in use; "" before that, or if there is none.
	TokenFrom string

	Version string // of this program, as servers are told
	// DialContext makes the connections to servers; nil means TCP.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	term  *terminal.Terminal
	env   map[string]string
	looks bool

	older sync.Once // that engram 1.x names the project otherwise
	vault vaultUse
	later sync.Once
}

// New gives the workspace of a process with this environment.
func New(term *terminal.Terminal, environ []string, version string) *Workspace {
	w := &Workspace{term: term, Environ: environ, env: map[string]string{}, Version: version}
	secret.AddEnvironment(environ)
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		w.env[name] = value
	}
	term.Getenv = w.Getenv
	term.Completing(w.complete)
	return w
}

// Getenv reads the environment that the workspace was given.
func (w *Workspace) Getenv(name string) string { return w.env[name] }

// OnlyLook is called by commands that change nothing: then nothing new is
// remembered between runs either.
func (w *Workspace) OnlyLook() { w.looks = true }

// State is where to remember what is to be known in the next run.
func (w *Workspace) State() state.Root {
	root := state.In(state.Dir())
	if w.looks {
		return root.OnlyLook()
	}
	return root
}

// Looks says whether this run changes nothing.
func (w *Workspace) Looks() bool { return w.looks }

// NoteLater says, once in a run, that something comes from a later engram than is
// known here.
func (w *Workspace) NoteLater(what string) {
	w.later.Do(func() {
		w.term.Warn(what + ", which is of a later engram than this engram-sync knows: what it has in common with the known ones is used, and the rest kept as it is")
	})
}

// Load does what every command needs first: it goes where -C says, loads the
// configuration and sets up the log.
func (w *Workspace) Load(flags *pflag.FlagSet) error {
	if err := w.Locate(flags); err != nil {
		return err
	}
	if err := w.configure(w.Inputs); err != nil {
		return err
	}
	for _, warning := range w.Config.Warnings {
		w.term.Warn(warning)
	}
	return nil
}

// LoadAnyway is Load for who explains what is wrong: instead of a configuration that
// cannot be used the defaults count, and no remote. wrong says why; warnings are told by the caller.
func (w *Workspace) LoadAnyway(flags *pflag.FlagSet) (wrong *config.Error, err error) {
	if err := w.Locate(flags); err != nil {
		return nil, err
	}
	err = w.configure(w.Inputs)
	wrong, _ = errors.AsType[*config.Error](err)
	if wrong == nil {
		return nil, err
	}
	if w.configure(config.Inputs{Flags: flags}) != nil {
		err = w.configure(config.Inputs{})
	} else {
		err = nil
	}
	w.Config.Remote, w.Config.RemoteErr = config.Remote{}, wrong
	return wrong, err
}

func (w *Workspace) configure(in config.Inputs) (err error) {
	w.Config, err = config.Load(in)
	if w.Config.HeartbeatURL != "" {
		secret.AddURLPath(w.Config.HeartbeatURL)
	}
	w.term.SetLogFormat(w.Config.LogFormat)
	w.term.SetProgress(w.Config.Progress)
	w.term.SetColour(w.Config.Color)
	w.Log = w.term.Logger()
	slog.SetDefault(w.Log) // so that net/http, which uses the standard logger, talks as we do
	return err
}

// Locate goes where -C says, and finds out where the settings are.
func (w *Workspace) Locate(flags *pflag.FlagSet) error {
	if err := findHome(w.Getenv("HOME")); err != nil {
		return err
	}
	if err := w.ChangeDirectory(); err != nil {
		return err
	}
	w.Inputs = config.Inputs{Flags: flags, Env: w.Environ, DefaultFile: config.DefaultFile(), RepoFile: repoFile()}
	return nil
}

// ChangeDirectory goes where -C says.
func (w *Workspace) ChangeDirectory() error {
	if w.Chdir == "" {
		return nil
	}
	if err := os.Chdir(w.Chdir); err != nil {
		return terminal.Usagef("-C: %w", err)
	}
	return nil
}

// repoFile is the settings file that the repository around the working
// directory may have; "" outside of one.
func repoFile() string {
	wd, err := os.Getwd()
	if err != nil {
		return ""
	}
	if top := git.Top(wd); top != "" {
		return filepath.Join(top, ".engram-sync.yaml")
	}
	return ""
}

// DataDir is engram's own data directory.
func (w *Workspace) DataDir() string {
	if dir := w.Getenv("ENGRAM_DATA_DIR"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, chunkdir.DirName)
}

// findHome names the home directory where the environment does not, as in
// services and some containers: it is the one that the system has for the user.
// The library that knows where files go would take the root directory.
func findHome(home string) error {
	if home != "" || runtime.GOOS == "windows" {
		return nil
	}
	u, err := user.Current()
	if unknown := err != nil || !filepath.IsAbs(u.HomeDir); unknown {
		return nil // then it can't be helped: writing there fails, or is allowed
	}
	if err := os.Setenv("HOME", u.HomeDir); err != nil {
		return fmt.Errorf("find the home directory: %w", err)
	}
	xdg.Reload()
	return nil
}
