package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/git"
)

// app is what the commands share: the streams, the environment, the flags that
// all of them have, and the configuration once it is loaded.
type app struct {
	stdin   io.Reader
	stdout  *output
	stderr  io.Writer
	env     map[string]string
	environ []string

	chdir                string
	json, quiet, verbose bool

	tokenFrom string // what gave the token in use; "" before that, or if there is none

	cfg    config.Config
	inputs config.Inputs
	log    *slog.Logger

	mu  sync.Mutex // guards stderr and the bar on it
	bar *bar
}

func newApp(stdin io.Reader, stdout, stderr io.Writer, environ []string) *app {
	a := &app{stdin: stdin, stdout: &output{w: stdout}, stderr: stderr, environ: environ, env: map[string]string{}}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		a.env[name] = value
	}
	return a
}

// getenv reads the environment that the app was given.
func (a *app) getenv(name string) string { return a.env[name] }

// run executes one command line and gives the exit code.
func run(ctx context.Context, a *app, args []string) int {
	cmd := newRootCmd(a)
	cmd.SetArgs(args)
	err := protect(func() error { return cmd.ExecuteContext(ctx) })
	if err == nil {
		err = a.stdout.err
	}
	if err == nil {
		return codeOK
	}
	var done *exitStatus
	if errors.As(err, &done) && done.message == "" {
		return done.code
	}
	var signal *signalError
	if cause := context.Cause(ctx); errors.As(cause, &signal) && !errors.As(err, &done) {
		err = cause
	}
	// A bad flag ends the parsing before --json is seen, and its error must be
	// JSON all the same.
	a.json = a.json || as[*usageError](err) && slices.Contains(args, "--json")
	a.printError(err)
	return codeOf(err)
}

// protect turns a panic into an error: a stack trace tells a user nothing.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	return f()
}

// prepare does what every command needs first: it goes where -C says, loads
// the configuration and sets up the log.
func (a *app) prepare(flags *pflag.FlagSet) error {
	if err := a.locateConfig(flags); err != nil {
		return err
	}
	cfg, err := config.Load(a.inputs)
	if err != nil {
		return err
	}
	a.cfg = cfg
	a.log = a.newLogger(cfg.LogFormat)
	for _, warning := range cfg.Warnings {
		a.warn(warning)
	}
	return nil
}

// locateConfig goes where -C says, and finds out where the settings are.
func (a *app) locateConfig(flags *pflag.FlagSet) error {
	if err := findHome(a.getenv("HOME")); err != nil {
		return err
	}
	if err := a.changeDirectory(); err != nil {
		return err
	}
	a.inputs = config.Inputs{Flags: flags, Env: a.environ, DefaultFile: config.DefaultFile(), RepoFile: repoFile()}
	return nil
}

// changeDirectory goes where -C says.
func (a *app) changeDirectory() error {
	if a.chdir == "" {
		return nil
	}
	if err := os.Chdir(a.chdir); err != nil {
		return &usageError{err: fmt.Errorf("-C: %w", err)}
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
	top := git.Top(wd)
	if top == "" {
		return ""
	}
	return filepath.Join(top, ".engram-sync.yaml")
}

// newLogger logs to stderr, around the progress bar. In JSON mode every line
// is JSON, whatever was asked for.
func (a *app) newLogger(format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelWarn}
	switch {
	case a.verbose:
		opts.Level = slog.LevelDebug
	case a.quiet:
		opts.Level = slog.LevelError
	}
	if a.json || format == "json" {
		return slog.New(slog.NewJSONHandler(lineWriter{a}, opts))
	}
	return slog.New(slog.NewTextHandler(lineWriter{a}, opts))
}

// lineWriter writes whole lines to stderr, and takes the progress bar out of
// their way.
type lineWriter struct{ app *app }

func (w lineWriter) Write(p []byte) (int, error) {
	w.app.mu.Lock()
	defer w.app.mu.Unlock()
	if w.app.bar != nil {
		w.app.bar.clear()
	}
	return w.app.stderr.Write(p)
}

// terminal says whether a stream is one, so that a bar or a prompt makes sense.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
