// Package terminal is the user's end of a command: what is typed, results as text or JSON, tables, progress, prompts.
// No secret and no control character leaves through it. It knows nothing of engram; the commands and the workspace call it.
package terminal

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/term"
)

// Terminal is the three streams, and what the user wants on them.
type Terminal struct {
	Stdin                io.Reader
	Stdout               *Output
	JSON, Quiet, Verbose bool
	// Getenv is the user's environment; nil is an empty one.
	Getenv func(name string) string

	format     string              // of stderr, see SetLogFormat
	progress   string              // see SetProgress
	colour     string              // see SetColour
	filter     filter              // of JSON on stdout; nil where it is printed as it is
	filteredBy string              // the flag that gave it
	until      context.Context     // see Until
	runner     bool                // see Read
	paged      *paged              // see Page
	complete   func(string) string // see Completing

	stderr *stream
	mu     sync.Mutex // guards stderr and the bar on it
	bar    *bar
}

// New gives a terminal on these streams.
func New(stdin io.Reader, stdout, stderr io.Writer) *Terminal {
	return &Terminal{Stdin: stdin, Stdout: &Output{stream: newStream(stdout)}, stderr: newStream(stderr)}
}

// Stderr takes a line with each write, and takes the progress bar out of its way.
func (t *Terminal) Stderr() io.Writer { return lineWriter{t} }

type lineWriter struct{ term *Terminal }

func (w lineWriter) Write(p []byte) (int, error) {
	w.term.mu.Lock()
	defer w.term.mu.Unlock()
	if w.term.bar != nil {
		w.term.bar.clear()
	}
	return w.term.stderr.line(p)
}

// Flush writes what waits on the streams for the rest of its line. Stdout remembers
// its error.
func (t *Terminal) Flush() {
	_ = t.Stdout.Err()
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.stderr.text.Flush() // there is nowhere to report it
}

// Interactive says whether somebody can be asked.
func (t *Terminal) Interactive() bool { return isTerminal(t.Stdin) }

// isTerminal says whether a stream is one, so that a bar or a prompt makes sense.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Logger logs to stderr, around the progress bar, in the format that was set. In JSON mode
// every record is JSON.
func (t *Terminal) Logger() *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelWarn}
	switch {
	case t.Verbose:
		opts.Level = slog.LevelDebug
	case t.Quiet:
		opts.Level = slog.LevelError
	}
	if t.JSON || t.format == "json" {
		return slog.New(slog.NewJSONHandler(t.Stderr(), opts))
	}
	return slog.New(slog.NewTextHandler(t.Stderr(), opts))
}
