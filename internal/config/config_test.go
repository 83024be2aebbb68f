package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/config"
)

// world is all that Load can see. File contents of "" mean no file.
type world struct {
	flags []string
	env   []string
	user  string
	repo  string
}

// inputs puts a world on disk. The default user file is used.
func (w world) inputs(t *testing.T) config.Inputs {
	t.Helper()
	dir := t.TempDir()
	in := config.Inputs{
		Flags:       parse(t, w.flags...),
		Env:         w.env,
		DefaultFile: filepath.Join(dir, "config.yaml"),
		RepoFile:    filepath.Join(dir, ".engram-sync.yaml"),
	}
	for path, content := range map[string]string{in.DefaultFile: w.user, in.RepoFile: w.repo} {
		if content != "" {
			write(t, path, content)
		}
	}
	return in
}

func (w world) load(t *testing.T) (config.Config, error) {
	t.Helper()
	return config.Load(w.inputs(t))
}

func (w world) mustLoad(t *testing.T) config.Config {
	t.Helper()
	cfg, err := w.load(t)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// parse gives the flags that the program has, set as these arguments say.
func parse(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("engram-sync", pflag.ContinueOnError)
	for _, name := range []string{"heartbeat-url", "remote", "project", "dir", "protocol", "config", "log-format", "max-chunk-bytes",
		"limit-upload", "color", "types", "limit-download", "progress",
		"ca-cert", "client-cert", "client-key"} {
		// Defaults that nobody should ever see: only changed flags count.
		flags.String(name, "unchanged", "")
	}
	flags.IntP("concurrency", "j", -1, "")
	flags.Int("retries", -1, "")
	flags.Duration("timeout", -time.Second, "")
	flags.Duration("retry-time", -time.Second, "")
	flags.Duration("lock-wait", -time.Second, "")
	flags.Duration("max-duration", -time.Second, "")
	flags.Bool("insecure-http", true, "")
	flags.Bool("no-prompts", false, "")
	flags.Bool("no-directories", false, "")
	flags.Bool("fail-on-secrets", false, "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantError checks that err is a *config.Error on one line with these parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		t.Fatalf("error %v (%T), want a *config.Error", err, err)
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("the error has more than one line: %q", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}
