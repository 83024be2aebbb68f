package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
)

const myRemotes = `
project: general
remotes:
  work: {url: "https://engram.example.com/team", project: billing}
  my.home-box_2: {url: "http://127.0.0.1:8765"}
  vault: {url: "embedded:vault"}
`

func TestChosenRemote(t *testing.T) {
	tests := []struct {
		name string
		world
		want config.Remote
	}{
		{"a name", world{flags: []string{"--remote", "my.home-box_2"}},
			config.Remote{Name: "my.home-box_2", URL: "http://127.0.0.1:8765", Project: "general"}},
		{"a remote's project beats the general one", world{flags: []string{"--remote", "work"}},
			config.Remote{Name: "work", URL: "https://engram.example.com/team", Project: "billing"}},
		{"engram's project does not beat it",
			world{flags: []string{"--remote", "work"}, env: []string{"ENGRAM_PROJECT=other"}},
			config.Remote{Name: "work", URL: "https://engram.example.com/team", Project: "billing"}},
		{"the repository's project does not either", world{flags: []string{"--remote", "work"}, repo: "project: shop"},
			config.Remote{Name: "work", URL: "https://engram.example.com/team", Project: "billing"}},
		{"but it beats the general one", world{flags: []string{"--remote", "vault"}, repo: "project: shop"},
			config.Remote{Name: "vault", URL: "embedded:vault", Project: "shop"}},
		{"a flag does", world{flags: []string{"--remote", "work", "--project", "shop"}},
			config.Remote{Name: "work", URL: "https://engram.example.com/team", Project: "shop"}},
		{"the repository names one", world{repo: "remote: vault"},
			config.Remote{Name: "vault", URL: "embedded:vault", Project: "general"}},
		{"a URL", world{flags: []string{"--remote", "https://[::1]:8765/base/"}},
			config.Remote{URL: "https://[::1]:8765/base/", Project: "general"}},
		{"embedded", world{env: []string{"ENGRAM_SYNC_REMOTE=embedded"}},
			config.Remote{URL: "embedded", Project: "general"}},
		{"engram's variable is marked", world{env: []string{"ENGRAM_CLOUD_SERVER=http://127.0.0.1:1", "ENGRAM_REMOTE_URL=x"}},
			config.Remote{URL: "http://127.0.0.1:1", Project: "general", FromEngramEnv: true}},
		{"the same URL from elsewhere is not",
			world{env: []string{"ENGRAM_CLOUD_SERVER=http://127.0.0.1:1", "ENGRAM_SYNC_REMOTE=http://127.0.0.1:1"}},
			config.Remote{URL: "http://127.0.0.1:1", Project: "general"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.user = myRemotes
			cfg := tt.mustLoad(t)
			if diff := cmp.Diff(tt.want, cfg.Remote); diff != "" {
				t.Errorf("remote (-want +got):\n%s", diff)
			}
			if cfg.RemoteErr != nil || cfg.Project != cfg.Remote.Project {
				t.Errorf("RemoteErr %v, project %q, want none and %q", cfg.RemoteErr, cfg.Project, cfg.Remote.Project)
			}
		})
	}
}

func TestNamedRemotesKeepTheirOwnProject(t *testing.T) {
	cfg := world{user: myRemotes, flags: []string{"--remote", "work", "--project", "other"}}.mustLoad(t)
	want := map[string]config.Remote{
		"work":          {Name: "work", URL: "https://engram.example.com/team", Project: "billing"},
		"my.home-box_2": {Name: "my.home-box_2", URL: "http://127.0.0.1:8765"},
		"vault":         {Name: "vault", URL: "embedded:vault"},
	}
	if diff := cmp.Diff(want, cfg.Remotes); diff != "" {
		t.Errorf("remotes (-want +got):\n%s", diff)
	}
}

func TestRemoteThatCannotBe(t *testing.T) {
	tests := []struct {
		name string
		world
		want []string
	}{
		{"unknown flag", world{flags: []string{"--remote", "wrk"}},
			[]string{"flag --remote: ", `"wrk"`, "my.home-box_2, vault, work", "config set remotes.wrk.url URL"}},
		{"unknown variable", world{env: []string{"ENGRAM_SYNC_REMOTE=wrk"}}, []string{"ENGRAM_SYNC_REMOTE: ", `"wrk"`}},
		{"upper case", world{flags: []string{"--remote", "Work"}}, []string{"flag --remote: ", "known are"}},
		{"scheme", world{flags: []string{"--remote", "ftp://example.com"}}, []string{"http:// or https://"}},
		{"no scheme", world{flags: []string{"--remote", "localhost:1"}},
			[]string{`flag --remote: "localhost:1" is not a URL that begins with http:// or https://: write http://localhost:1`}},
		{"no scheme, an address", world{flags: []string{"--remote", "[::1]:8765"}}, []string{"write http://[::1]:8765"}},
		{"no scheme, far away", world{flags: []string{"--remote", "engram.example.com:443"}}, []string{"write https://engram.example.com:443"}},
		{"no scheme in engram's variable", world{env: []string{"ENGRAM_CLOUD_SERVER=127.0.0.1:80"}}, []string{`ENGRAM_CLOUD_SERVER: "127.0.0.1:80" is not a URL`}},
		{"no scheme and no port", world{flags: []string{"--remote", "Ana:secret"}}, []string{"flag --remote: what was given is neither a remote's name nor a URL"}},
		{"no host", world{flags: []string{"--remote", "https:///x"}}, []string{"names no host"}},
		{"port", world{flags: []string{"--remote", "https://example.com:65536"}}, []string{"port"}},
		{"empty port", world{flags: []string{"--remote", "https://example.com:"}}, []string{"port"}},
		{"port zero", world{flags: []string{"--remote", "https://[::1]:0"}}, []string{"port"}},
		{"query", world{flags: []string{"--remote", "https://example.com/?a=b"}}, []string{"no query"}},
		{"empty fragment", world{flags: []string{"--remote", "https://example.com/#"}}, []string{"no query and no fragment"}},
		{"bad URL", world{flags: []string{"--remote", "https://exa mple.com"}}, []string{"is not a valid URL"}},
		{"embedded without directory", world{flags: []string{"--remote", "embedded:"}}, []string{"no directory"}},
		{"empty", world{flags: []string{"--remote", ""}}, []string{"flag --remote: is empty"}},
		{"engram's variable is no name", world{env: []string{"ENGRAM_CLOUD_SERVER=work"}}, []string{"ENGRAM_CLOUD_SERVER: "}},
		{"engram's variable is no vault", world{env: []string{"ENGRAM_REMOTE_URL=embedded"}}, []string{"ENGRAM_REMOTE_URL: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.user = myRemotes
			_, err := tt.load(t)
			wantError(t, err, tt.want...)
		})
	}
	t.Run("the user's file", func(t *testing.T) {
		_, err := world{user: "remote: gone"}.load(t)
		wantError(t, err, "config.yaml: remote: ", `"gone"`, "none yet")
	})
}

// Whoever clones a repository that names a remote must still be able to run
// local commands, and must not end up at another remote.
func TestRepositoryAsksForUnknownRemote(t *testing.T) {
	cfg := world{
		user: myRemotes + "remote: work\n",
		repo: "remote: theirs",
		env:  []string{"ENGRAM_CLOUD_SERVER=http://127.0.0.1:1"},
	}.mustLoad(t)
	wantError(t, cfg.RemoteErr, ".engram-sync.yaml: remote: ", `"theirs"`, "config set remotes.theirs.url URL")
	if cfg.Remote.URL != "" {
		t.Errorf("URL %q, want none", cfg.Remote.URL)
	}
}

func TestUnusedEngramVariablesDoNoHarm(t *testing.T) {
	cfg := world{user: myRemotes + "remote: work\n",
		env: []string{"ENGRAM_CLOUD_SERVER=::", "ENGRAM_PROJECT=\x01"}}.mustLoad(t)
	if cfg.Remote.Name != "work" || cfg.Project != "billing" {
		t.Errorf("remote %q, project %q", cfg.Remote.Name, cfg.Project)
	}
}

func TestURLWithPasswordIsNotRepeated(t *testing.T) {
	const secret = "hunter2"
	bad := "https://me:" + secret + "@example.com"
	worlds := []world{
		{flags: []string{"--remote", bad}},
		{env: []string{"ENGRAM_SYNC_REMOTE=" + bad}},
		{env: []string{"ENGRAM_CLOUD_SERVER=" + bad}},
		{flags: []string{"--remote", "me:" + secret + "@example.com"}},
		{flags: []string{"--remote", "https://example.com/?token=" + secret}},
		{flags: []string{"--remote", "https://%zz" + secret}},
		{user: "remotes: {a: {url: '" + bad + "'}}"},
		{user: "remote: '" + bad + "'"},
		{repo: "remote: '" + bad + "'"},
		{user: "token: " + secret},
		{user: "token: *" + secret},
		{user: "remotes: {a: {url: 'https://example.com', api-key: " + secret + "}}"},
		{user: "credential_store: " + secret},
		{env: []string{"ENGRAM_SYNC_CREDENTIAL_STORE=" + secret}},
		{user: "ca_cert: ~/" + secret},
		{user: "remotes: {a: {url: 'http://a', token_command: " + secret + "}}"},
		{user: "remotes: {a: {url: 'http://a', token_command: [" + secret + ", 1]}}"},
		{user: "remotes: {a: {url: 'http://a', token_command: [~/" + secret + "]}}"},
		{user: "remotes: {a: {url: 'http://a', token_command: [x, \"" + secret + "\\0\"]}}"},
		{user: "remotes: {a: {url: 'http://a', token: [" + secret + "]}}"},
		{repo: "token_command: [" + secret + "]"},
		{user: "dir: !!int " + secret + "\n"},
		{env: []string{"ENGRAM_SYNC_TIMEOUT=\x01" + strings.Repeat("x", 50) + secret}},
	}
	for _, w := range worlds {
		_, err := w.load(t)
		wantError(t, err)
		for err := err; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the secret is in %q", err)
			}
		}
	}
}

// A directory is named with embedded: before it, which is easily forgotten.
func TestADirectoryIsNoRemote(t *testing.T) {
	for text, want := range map[string]bool{
		`C:\data`: true, "C:/data": true, `.\data`: true, "../data": true, "/data": true, "~/data": true, `\\host\share`: true,
		"work": false, "a:b": false, "dir/data": false,
	} {
		_, err := config.Load(config.Inputs{Env: []string{"ENGRAM_SYNC_REMOTE=" + text}})
		if err == nil || strings.Contains(err.Error(), "embedded:DIR") != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
