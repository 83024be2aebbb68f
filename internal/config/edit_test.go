package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
)

// commented is a file as people keep them. Set and Unset must leave alone
// what they were not asked about.
const commented = `# engram-sync on my laptop
remote: work # not home

# The servers.
remotes:
  # The company's.
  work:
    url: https://engram.example.com # behind the VPN
    project: billing
  home: {url: "http://127.0.0.1:8765"}
# Slow line.
concurrency: 2
`

func TestEdit(t *testing.T) {
	set := func(key, value string) func(string) error {
		return func(path string) error { return config.Set(path, key, value) }
	}
	unset := func(key string) func(string) error {
		return func(path string) error { return config.Unset(path, key) }
	}
	tests := []struct {
		name, before string
		edit         func(path string) error
		after        string
	}{
		{"change", commented, set("concurrency", "16"), `# engram-sync on my laptop
remote: work # not home

# The servers.
remotes:
  # The company's.
  work:
    url: https://engram.example.com # behind the VPN
    project: billing
  home: {url: "http://127.0.0.1:8765"}
# Slow line.
concurrency: 16
`},
		{"change beside a comment", commented, set("remotes.work.url", "https://new.example.com"), `# engram-sync on my laptop
remote: work # not home

# The servers.
remotes:
  # The company's.
  work:
    url: https://new.example.com # behind the VPN
    project: billing
  home: {url: "http://127.0.0.1:8765"}
# Slow line.
concurrency: 2
`},
		{"add to a remote in braces", commented, set("remotes.home.project", "42"), `# engram-sync on my laptop
remote: work # not home

# The servers.
remotes:
  # The company's.
  work:
    url: https://engram.example.com # behind the VPN
    project: billing
  home: {url: "http://127.0.0.1:8765", project: "42"}
# Slow line.
concurrency: 2
`},
		{"remove", commented, unset("remotes.work.project"), `# engram-sync on my laptop
remote: work # not home

# The servers.
remotes:
  # The company's.
  work:
    url: https://engram.example.com # behind the VPN
  home: {url: "http://127.0.0.1:8765"}
# Slow line.
concurrency: 2
`},
		{"first remote", "", set("remotes.my.box.url", "http://127.0.0.1:1"), "remotes:\n  my.box:\n    url: http://127.0.0.1:1\n"},
		{"after an empty mapping", "remotes: {}\n", set("remotes.a.url", "http://a"), "remotes:\n  a:\n    url: http://a\n"},
		{"after braces", "{}\n", set("retries", "1"), "retries: 1\n"},
		{"only comments", "# mine\n\n# all mine\n", set("retries", "1"), "# mine\n\n# all mine\n\nretries: 1\n"},
		{"text that looks like a number", "", set("project", "007"), "project: \"007\"\n"},
		{"text that looks like YAML", "", set("project", "a: b # c"), "project: 'a: b # c'\n"},
		{"boolean", "", set("insecure_http", "true"), "insecure_http: true\n"},
		{"zero", "", set("lock_wait", "0"), "lock_wait: 0\n"},
		{"size", "", set("max_chunk_bytes", "1 GiB"), "max_chunk_bytes: 1 GiB\n"},
		{"mended value", "retries: abc\n", set("retries", "3"), "retries: 3\n"},
		{"known remote", "remotes: {a: {url: http://a}}\n", set("remote", "a"), "remotes: {a: {url: 'http://a'}}\nremote: a\n"},
		{"a URL as remote", "", set("remote", "https://a.example.com"), "remote: https://a.example.com\n"},
		{"last field of a remote", "remotes: {a: {url: http://a}, b: {url: http://b}}\n", unset("remotes.a.url"),
			"remotes: {b: {url: 'http://b'}}\n"},
		{"last remote", "retries: 1\nremotes: {a.b: {url: http://a}}\n", unset("remotes.a.b.url"), "retries: 1\n"},
		{"whole remote", "retries: 1\nremotes: {a.b: {url: http://a, project: p}}\n", unset("remotes.a.b"), "retries: 1\n"},
		{"forbidden key", "retries: 1\ntoken: abc\n", unset("token"), "retries: 1\n"},
		{"one of two faults", "retries: x\ntoken: abc\n", unset("token"), "retries: x\n"},
		{"doubled key", "retries: 1\nretries: 2\n", unset("retries"), "retries: 2\n"},
		{"last key", "retries: 1\n", unset("retries"), "{}\n"},
		{"command", commented, set("remotes.home.token_command", `["pass", "show", "a, b", "007"]`), `# engram-sync on my laptop
remote: work # not home

# The servers.
remotes:
  # The company's.
  work:
    url: https://engram.example.com # behind the VPN
    project: billing
  home: {url: "http://127.0.0.1:8765", token_command: [pass, show, 'a, b', "007"]}
# Slow line.
concurrency: 2
`},
		{"command in lines", "remotes:\n  a:\n    url: http://a\n    token_command:\n      # mine\n      - old\n\n      - x\nretries: 1\n",
			set("remotes.a.token_command", `["new"]`), "remotes:\n  a:\n    url: http://a\n    token_command: [new]\nretries: 1\n"},
		{"no command", "remotes: {a: {url: http://a, token_command: [pass]}}\n", unset("remotes.a.token_command"),
			"remotes: {a: {url: 'http://a'}}\n"},
		{"relative file", "", set("ca_cert", "certs/ca.pem"), "ca_cert: certs/ca.pem\n"},
		{"file of a remote", "remotes:\n  a.b:\n    url: http://a\n", set("remotes.a.b.ca_cert", "ca.pem"),
			"remotes:\n  a.b:\n    url: http://a\n    ca_cert: ca.pem\n"},
		{"first half of a pair", "", set("client_key", "k.pem"), "client_key: k.pem\n"},
		{"other half of a pair", "client_key: k.pem\n", set("client_cert", "c.pem"), "client_key: k.pem\nclient_cert: c.pem\n"},
		{"away with half of a pair", "client_key: k.pem\nclient_cert: c.pem\n", unset("client_key"), "client_cert: c.pem\n"},
		{"store", "", set("credential_store", "file"), "credential_store: file\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if tt.before != "" {
				write(t, path, tt.before)
			}
			if err := tt.edit(path); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.after, read(t, path)); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEditRefused(t *testing.T) {
	tests := []struct {
		name, before, key, value string
		want                     []string
	}{
		{"unknown key", commented, "shade", "red", []string{"shade: unknown key; known are ", "remotes.NAME.url"}},
		{"secret", commented, "token", "abc", []string{"token: secrets are never kept"}},
		{"remotes as a whole", commented, "remotes", "x", []string{"remotes: unknown key"}},
		{"bad value", commented, "concurrency", "abc", []string{`concurrency: "abc" is not a whole number`}},
		{"no unit", commented, "timeout", "30", []string{"has no unit"}},
		{"empty", commented, "project", "", []string{"project: is empty"}},
		{"line break", commented, "project", "a\nb", []string{"control characters"}},
		{"unknown remote", commented, "remote", "gone", []string{`remote: no remote is called "gone"`, "home, work"}},
		{"bad URL", commented, "remotes.x.url", "https://u:p@example.com", []string{"remotes.x.url: a URL must hold no user"}},
		{"bad name", commented, "remotes.X.url", "https://example.com", []string{"remotes.X.url: a remote's name is"}},
		{"project before url", commented, "remotes.x.project", "p", []string{"remotes.x: has no url; set remotes.x.url first"}},
		{"file before url", commented, "remotes.x.ca_cert", "ca.pem", []string{"remotes.x: has no url; set remotes.x.url first"}},
		{"home of the user", commented, "remotes.work.ca_cert", "~/ca.pem", []string{"remotes.work.ca_cert: begins with ~"}},
		{"command of no remote", commented, "token_command", `["pass"]`, []string{"token_command: belongs to a remote"}},
		{"command for a shell", commented, "remotes.work.token_command", "pass show", []string{"remotes.work.token_command: is not a JSON array"}},
		{"command that is not UTF-8", commented, "remotes.work.token_command", "[\"\xff\"]", []string{"is not a JSON array"}},
		{"store", commented, "credential_store", "plain", []string{"credential_store: is neither keyring nor file"}},
		{"other fault", "retries: x\n", "timeout", "1s", []string{`retries: "x" is not a whole number`}},
		{"no YAML", "{", "timeout", "1s", []string{"is not valid YAML"}},
	}
	for _, tt := range tests {
		t.Run("set "+tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			write(t, path, tt.before)
			wantError(t, config.Set(path, tt.key, tt.value), append(tt.want, path)...)
			if diff := cmp.Diff(tt.before, read(t, path)); diff != "" {
				t.Errorf("the file changed (-want +got):\n%s", diff)
			}
		})
	}
	for key, want := range map[string]string{
		"retries":              "retries: is not set in this file",
		"remotes.gone.url":     "is not set in this file",
		"remotes.home.project": "is not set in this file",
		"remotes.work.url":     "remotes.work: has no url",
		"remotes.work":         `remote: no remote is called "work"`,
	} {
		t.Run("unset "+key, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			write(t, path, commented)
			wantError(t, config.Unset(path, key), path, want)
			if diff := cmp.Diff(commented, read(t, path)); diff != "" {
				t.Errorf("the file changed (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("unset in no file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "config.yaml")
		wantError(t, config.Unset(path, "retries"), "is not set")
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Unset made the file: %v", err)
		}
	})
}

// What Set has written, Load gives back.
func TestSetThenLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	want := []config.Setting{
		{Key: "remotes.work.url", Value: "https://engram.example.com"},
		{Key: "remotes.work.project", Value: "true"},
		{Key: "remotes.vault.url", Value: "embedded:/srv/vault"},
		{Key: "remotes.work.ca_cert", Value: absolute(t, "ca #1.pem")},
		{Key: "remotes.work.client_cert", Value: absolute(t, "c.pem")},
		{Key: "remotes.work.client_key", Value: absolute(t, "k.pem")},
		{Key: "remotes.work.token_command", Value: `["pass","- show","#1"," ","~","true","a: b","<&>","\u2028","{}"]`},
		{Key: "remote", Value: "vault"},
		{Key: "project", Value: "~"},
		{Key: "dir", Value: "- dir #1"},
		{Key: "concurrency", Value: "3"},
		{Key: "timeout", Value: "1m0s"},
		{Key: "retries", Value: "0"},
		{Key: "lock_wait", Value: "5s"},
		{Key: "max_chunk_bytes", Value: "2GiB"},
		{Key: "log_format", Value: "json"},
		{Key: "insecure_http", Value: "true"},
		{Key: "credential_store", Value: "file"},
		{Key: "ca_cert", Value: absolute(t, "ca.pem")},
		{Key: "client_cert", Value: absolute(t, "both.pem")},
		{Key: "client_key", Value: absolute(t, "both.pem")},
	}
	for i, s := range want {
		if err := config.Set(path, s.Key, s.Value); err != nil {
			t.Fatal(err)
		}
		want[i].Source = path
	}
	cfg, err := config.Load(config.Inputs{DefaultFile: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range want {
		got, err := config.Get(cfg, s.Key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("setting (-want +got):\n%s", diff)
		}
	}
}

func TestSetAndFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes there")
	}
	dir := filepath.Join(t.TempDir(), "new", "engram-sync")
	path := filepath.Join(dir, "config.yaml")
	if err := config.Set(path, "retries", "1"); err != nil {
		t.Fatal(err)
	}
	wantMode(t, dir, 0o700)
	wantMode(t, path, 0o600)

	// Wider than any umask would leave it.
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := config.Set(path, "retries", "2"); err != nil {
		t.Fatal(err)
	}
	wantMode(t, path, 0o666)
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
	}
}
