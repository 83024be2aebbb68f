package config_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/adrg/xdg"
	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
)

const namedRemotes = `
remotes:
  one: {url: https://one.example.com}
  two: {url: https://two.example.com}
`

// Each level overrules all above it in this list.
var levels = []string{"default", "engram", "user", "repo", "env", "flag"}

func TestPrecedence(t *testing.T) {
	tests := []struct {
		key string
		env string
		// values by level, and the default as List shows it. A level that
		// cannot set the key has none.
		values map[string]string
		engram string
		// with is what else the user's file holds.
		with string
	}{
		{key: "remote", env: "ENGRAM_SYNC_REMOTE", engram: "ENGRAM_CLOUD_SERVER", values: map[string]string{
			"default": "", "engram": "https://engram.example.com", "user": "one", "repo": "two",
			"env": "http://127.0.0.1:1", "flag": "embedded:vault"}},
		{key: "remote", env: "ENGRAM_SYNC_REMOTE", engram: "ENGRAM_REMOTE_URL", values: map[string]string{
			"default": "", "engram": "https://engram.example.com", "user": "embedded", "env": "one", "flag": "two"}},
		{key: "project", env: "ENGRAM_SYNC_PROJECT", engram: "ENGRAM_PROJECT", values: map[string]string{
			"default": "", "engram": "p1", "user": "p2", "repo": "p3", "env": "p4", "flag": "p5"}},
		{key: "no_prompts", env: "ENGRAM_SYNC_NO_PROMPTS", values: map[string]string{
			"default": "false", "user": "false", "repo": "true", "env": "false", "flag": "true"}},
		{key: "no_directories", env: "ENGRAM_SYNC_NO_DIRECTORIES", values: map[string]string{
			"default": "false", "user": "true", "repo": "true", "env": "false", "flag": "true"}},
		{key: "fail_on_secrets", env: "ENGRAM_SYNC_FAIL_ON_SECRETS", values: map[string]string{
			"default": "false", "user": "false", "repo": "true", "env": "false", "flag": "true"}},
		{key: "types", env: "ENGRAM_SYNC_TYPES", values: map[string]string{
			"default": "", "user": "decision,bugfix", "repo": "bugfix", "env": "pattern", "flag": "a,b"}},
		{key: "protocol", env: "ENGRAM_SYNC_PROTOCOL", values: map[string]string{
			"default": "auto", "user": "account", "env": "project", "flag": "auto"}},
		{key: "dir", env: "ENGRAM_SYNC_DIR", values: map[string]string{
			"default": "", "user": "d1", "env": "d2", "flag": "d3"}},
		{key: "concurrency", env: "ENGRAM_SYNC_CONCURRENCY", values: map[string]string{
			"default": "8", "user": "1", "env": "2", "flag": "64"}},
		{key: "timeout", env: "ENGRAM_SYNC_TIMEOUT", values: map[string]string{
			"default": "30s", "user": "1s", "env": "2ms", "flag": "24h0m0s"}},
		{key: "retries", env: "ENGRAM_SYNC_RETRIES", values: map[string]string{
			"default": "100", "user": "1", "env": "0", "flag": "20"}},
		{key: "retry_time", env: "ENGRAM_SYNC_RETRY_TIME", values: map[string]string{
			"default": "2m0s", "user": "1s", "env": "0s", "flag": "1h0m0s"}},
		{key: "lock_wait", env: "ENGRAM_SYNC_LOCK_WAIT", values: map[string]string{
			"default": "0s", "user": "1s", "env": "2s", "flag": "0s"}},
		{key: "max_chunk_bytes", env: "ENGRAM_SYNC_MAX_CHUNK_BYTES", values: map[string]string{
			"default": "512MiB", "user": "1KiB", "env": "1000001", "flag": "1TiB"}},
		{key: "limit_upload", env: "ENGRAM_SYNC_LIMIT_UPLOAD", values: map[string]string{
			"default": "0", "user": "1KiB", "env": "0", "flag": "500KiB"}},
		{key: "limit_download", env: "ENGRAM_SYNC_LIMIT_DOWNLOAD", values: map[string]string{
			"default": "0", "user": "1MiB", "env": "1000001", "flag": "0"}},
		{key: "max_duration", env: "ENGRAM_SYNC_MAX_DURATION", values: map[string]string{
			"default": "0s", "user": "1h0m0s", "env": "2h0m0s", "flag": "0s"}},
		{key: "heartbeat_url", env: "ENGRAM_SYNC_HEARTBEAT_URL", values: map[string]string{
			"default": "", "user": "https://1.example.com/***", "env": "https://2.example.com/***", "flag": "http://127.0.0.1:1/***"}},
		{key: "log_format", env: "ENGRAM_SYNC_LOG_FORMAT", values: map[string]string{
			"default": "auto", "user": "json", "env": "github", "flag": "text"}},
		{key: "color", env: "ENGRAM_SYNC_COLOR", values: map[string]string{
			"default": "auto", "user": "always", "env": "never", "flag": "auto"}},
		{key: "progress", env: "ENGRAM_SYNC_PROGRESS", values: map[string]string{
			"default": "auto", "user": "bar", "env": "none", "flag": "json"}},
		{key: "insecure_http", env: "ENGRAM_SYNC_INSECURE_HTTP", values: map[string]string{
			"default": "false", "user": "true", "env": "false", "flag": "true"}},
		{key: "credential_store", env: "ENGRAM_SYNC_CREDENTIAL_STORE", values: map[string]string{
			"default": "keyring", "user": "file", "env": "keyring"}},
		{key: "ca_cert", env: "ENGRAM_SYNC_CA_CERT", values: map[string]string{
			"default": "", "user": absolute(t, "1.pem"), "env": "2.pem", "flag": "3.pem"}},
		{key: "client_cert", env: "ENGRAM_SYNC_CLIENT_CERT", with: "client_key: k\n", values: map[string]string{
			"default": "", "user": absolute(t, "1.pem"), "env": "2.pem", "flag": "3.pem"}},
		{key: "client_key", env: "ENGRAM_SYNC_CLIENT_KEY", with: "client_cert: c\n", values: map[string]string{
			"default": "", "user": absolute(t, "1.pem"), "env": "2.pem", "flag": "3.pem"}},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.key] = true
		w := world{user: namedRemotes + tt.with}
		for _, level := range levels {
			value, ok := tt.values[level]
			if !ok {
				continue
			}
			// Levels add up: each must win over all before it.
			source := level
			switch level {
			case "engram":
				source = tt.engram
				w.env = append(w.env, source+"="+value)
			case "user":
				w.user += tt.key + ": " + value + "\n"
			case "repo":
				w.repo += tt.key + ": " + value + "\n"
			case "env":
				source = tt.env
				w.env = append(w.env, source+"="+value)
			case "flag":
				source = "flag --" + flagOf(tt.key)
				w.flags = append(w.flags, "--"+flagOf(tt.key)+"="+value)
			}
			t.Run(tt.key+" from "+source, func(t *testing.T) {
				in := w.inputs(t)
				switch level {
				case "user":
					source = in.DefaultFile
				case "repo":
					source = in.RepoFile
				}
				cfg, err := config.Load(in)
				if err != nil {
					t.Fatal(err)
				}
				got, err := config.Get(cfg, tt.key)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(config.Setting{Key: tt.key, Value: value, Source: source}, got); diff != "" {
					t.Errorf("setting (-want +got):\n%s", diff)
				}
			})
		}
	}
	for _, s := range config.List(world{}.mustLoad(t)) {
		if !seen[s.Key] {
			t.Errorf("no row tests %s", s.Key)
		}
	}
}

func TestEmptyVariablesCountAsUnset(t *testing.T) {
	cfg := world{
		env: []string{"ENGRAM_SYNC_RETRIES=", "ENGRAM_SYNC_CONFIG=", "ENGRAM_CLOUD_SERVER=",
			"ENGRAM_REMOTE_URL=http://127.0.0.1:1", "ENGRAM_SYNC_NONE="},
		user: "retries: 7",
	}.mustLoad(t)
	if cfg.Retries != 7 || cfg.Remote.URL != "http://127.0.0.1:1" || len(cfg.Warnings) != 0 {
		t.Errorf("retries %d, remote %q, warnings %q", cfg.Retries, cfg.Remote.URL, cfg.Warnings)
	}
}

// As os.Getenv has it.
func TestFirstMentionOfAVariableCounts(t *testing.T) {
	cfg := world{env: []string{"ENGRAM_SYNC_RETRIES=1", "ENGRAM_SYNC_RETRIES=2"}}.mustLoad(t)
	if cfg.Retries != 1 {
		t.Errorf("retries %d, want 1", cfg.Retries)
	}
}

func TestNoInputsGiveDefaults(t *testing.T) {
	cfg, err := config.Load(config.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(cfg.RemoteErr, config.ErrNoRemote) {
		t.Errorf("RemoteErr %v, want ErrNoRemote", cfg.RemoteErr)
	}
	if diff := cmp.Diff(config.Remote{}, cfg.Remote); diff != "" {
		t.Errorf("remote (-want +got):\n%s", diff)
	}
}

func TestWhichFileIsRead(t *testing.T) {
	dir := t.TempDir()
	byFlag, byEnv, byDefault := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, byFlag, "retries: 1")
	write(t, byEnv, "retries: 2")
	write(t, byDefault, "retries: 3")
	env := []string{"ENGRAM_SYNC_CONFIG=" + byEnv}

	tests := []struct {
		in      config.Inputs
		retries int
		path    string
		namedBy string
	}{
		{config.Inputs{Flags: parse(t, "--config", byFlag), Env: env, DefaultFile: byDefault}, 1, byFlag, "flag --config"},
		{config.Inputs{Flags: parse(t), Env: env, DefaultFile: byDefault}, 2, byEnv, "ENGRAM_SYNC_CONFIG"},
		{config.Inputs{DefaultFile: byDefault}, 3, byDefault, ""},
	}
	for _, tt := range tests {
		cfg, err := config.Load(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		path, namedBy := tt.in.File()
		if cfg.Retries != tt.retries || path != tt.path || namedBy != tt.namedBy {
			t.Errorf("retries %d from %s named by %q, want %d from %s named by %q",
				cfg.Retries, path, namedBy, tt.retries, tt.path, tt.namedBy)
		}
	}
}

func TestDefaultFileFollowsXDG(t *testing.T) {
	home := t.TempDir()
	t.Cleanup(xdg.Reload)
	t.Setenv("XDG_CONFIG_HOME", home)
	xdg.Reload()
	if got, want := config.DefaultFile(), filepath.Join(home, "engram-sync", "config.yaml"); got != want {
		t.Errorf("default file %s, want %s", got, want)
	}
}

// flagOf is a key's flag, spelled here once more.
func flagOf(key string) string {
	return map[string]string{
		"remote": "remote", "project": "project", "protocol": "protocol", "dir": "dir", "concurrency": "concurrency",
		"timeout": "timeout", "retries": "retries", "retry_time": "retry-time", "lock_wait": "lock-wait", "max_duration": "max-duration", "heartbeat_url": "heartbeat-url", "log_format": "log-format",
		"limit_upload": "limit-upload", "no_prompts": "no-prompts", "fail_on_secrets": "fail-on-secrets", "no_directories": "no-directories", "types": "types", "limit_download": "limit-download", "progress": "progress", "color": "color",
		"max_chunk_bytes": "max-chunk-bytes", "insecure_http": "insecure-http",
		"ca_cert": "ca-cert", "client_cert": "client-cert", "client_key": "client-key",
	}[key]
}

// absolute is a path that no config file changes.
func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Who has one remote need not choose it; who has two has to, and a misspelt name finds the near one.
func TestTheOnlyRemoteIsChosen(t *testing.T) {
	one := "remotes:\n  work:\n    url: https://a.example.com\n"
	cfg := world{user: one}.mustLoad(t)
	if cfg.Remote.Name != "work" || cfg.RemoteErr != nil || cfg.Sources["remote"] != config.SoleRemote {
		t.Errorf("remote %+v (%v), from %q", cfg.Remote, cfg.RemoteErr, cfg.Sources["remote"])
	}
	two := one + "  home:\n    url: https://b.example.com\n"
	if cfg := (world{user: two}).mustLoad(t); !errors.Is(cfg.RemoteErr, config.ErrNoRemote) {
		t.Errorf("of two, %+v was chosen", cfg.Remote)
	}
	_, err := world{user: two, flags: []string{"--remote", "wokr"}}.load(t)
	wantError(t, err, `"wokr"; did you mean work? known are home, work`)
	_, err = world{user: "retreis: 3"}.load(t)
	wantError(t, err, "retreis: unknown key: did you mean retries")
}

// What a repository's file leaves out comes on top of what the user leaves out: it never widens that.
func TestARepositoryOnlyLessensWhatLeaves(t *testing.T) {
	for _, test := range []struct{ user, repo, want string }{
		{"types: decision,bugfix", "types: ' Bugfix ,secret'", "bugfix"},
		{"types: decision", "types: secret", "none"},
		{"", "types: secret", "secret"},
		{"types: decision", "", "decision"},
	} {
		if got := (world{user: test.user, repo: test.repo}).mustLoad(t).Types; got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
