package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
)

// Any bytes as a config file give a one-line *Error or a Config within its
// bounds, which an edit does not change otherwise.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"", "{}", "---", commented, myRemotes, "remotes: {a.b: {url: 'http://[::1]:1/x'}}",
		"timeout: 1h\nlock_wait: 0\nmax_chunk_bytes: 1.5GB", "a: &a [*a]", "? {a: b}\n: c",
		"remotes: {a: {url: http://a, token_command: [./x, 'b c'], client_key: k, ca_cert: c}}\nremote: a",
		"client_cert: c", "credential_store: file", "remote: !!str 1\n...\n# x"} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, repo bool) {
		dir := t.TempDir()
		path := filepath.Join(dir, "config.yaml")
		write(t, path, string(data))
		in := config.Inputs{DefaultFile: path}
		if repo {
			in = config.Inputs{RepoFile: path}
		}
		cfg, err := config.Load(in)
		if err != nil {
			wantError(t, err)
			if err := config.Unset(path, "token"); err != nil {
				wantError(t, err)
			}
			return
		}
		checkBounds(t, cfg)
		if repo {
			return
		}
		if err := config.Set(path, "retries", "17"); err != nil {
			t.Fatalf("cannot edit a good file: %v", err)
		}
		edited, err := config.Load(in)
		if err != nil {
			t.Fatalf("an edit broke the file: %v", err)
		}
		cfg.Retries, cfg.Sources["retries"] = 17, path
		byText := cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
		if diff := cmp.Diff(cfg, edited, byText); diff != "" {
			t.Errorf("an edit changed other settings (-before +after):\n%s", diff)
		}
	})
}

func checkBounds(t *testing.T, cfg config.Config) {
	t.Helper()
	if cfg.Concurrency < 1 || cfg.Concurrency > 64 || cfg.Retries < 0 || cfg.Retries > 100 ||
		cfg.Timeout <= 0 || cfg.Timeout > 24*time.Hour || cfg.LockWait < 0 || cfg.LockWait > 24*time.Hour ||
		cfg.MaxChunkBytes < 1 || cfg.MaxChunkBytes > 1<<40 {
		t.Errorf("out of bounds: %+v", cfg)
	}
	if cfg.RemoteErr == nil && (cfg.ClientCert == "") != (cfg.ClientKey == "") {
		t.Errorf("half a client certificate: %q, %q", cfg.ClientCert, cfg.ClientKey)
	}
	if (cfg.RemoteErr == nil) != (cfg.Remote.URL != "") {
		t.Errorf("remote %+v with error %v", cfg.Remote, cfg.RemoteErr)
	}
	for name, remote := range cfg.Remotes {
		if name != strings.ToLower(name) || name != remote.Name || remote.URL == "" || len(remote.TokenCommand) > 32 {
			t.Errorf("remote %q is %+v", name, remote)
		}
	}
	for _, s := range config.List(cfg) {
		if s.Source == "" || strings.ContainsAny(s.Key+s.Value, "\n\r\x00") {
			t.Errorf("setting %+v", s)
		}
	}
}
