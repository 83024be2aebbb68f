package serve

import (
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// logFile is a file that lines are added to. Whoever moved it away has it opened again by its name.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File
}

// reopen opens the file by its name, made with mode 0640 where it is missing. If that fails, the one before stays.
func (l *logFile) reopen() error {
	file, err := sharing.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	file, l.file = l.file, file
	if file != nil {
		return file.Close()
	}
	return nil
}

// Write implements io.Writer: a record is one write.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(p)
}

// Close closes the file, if one was opened.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// accessLog is where --access-log wants a record of each request: in a file, or with - on stdout. nil: nowhere.
// The file is nil without one.
func accessLog(path, format string, stdout io.Writer) (*slog.Logger, *logFile, error) {
	if format != "text" && format != "json" {
		return nil, nil, terminal.Usagef("--access-log-format takes text or json, not %q", format)
	}
	switch {
	case path == "" && format != "text":
		return nil, nil, terminal.Usagef("--access-log-format says how --access-log is written: give both")
	case path == "":
		return nil, nil, nil
	}
	var file *logFile
	out := stdout
	if path != "-" {
		file = &logFile{path: path}
		if err := file.reopen(); err != nil {
			return nil, nil, terminal.Usagef("%w: give another FILE with --access-log", err)
		}
		out = file
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(out, nil)), file, nil
	}
	return slog.New(slog.NewTextHandler(out, nil)), file, nil
}
