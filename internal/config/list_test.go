package config_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
)

func TestListIsStableAndSaysWhence(t *testing.T) {
	in := world{
		user:  myRemotes + "remote: work\ntimeout: 1m\nca_cert: ca.pem\n",
		repo:  "project: shop",
		env:   []string{"ENGRAM_SYNC_RETRIES=0"},
		flags: []string{"-j", "3"},
	}.inputs(t)
	cfg, err := config.Load(in)
	if err != nil {
		t.Fatal(err)
	}
	user := in.DefaultFile
	want := []config.Setting{
		{Key: "remote", Value: "work", Source: user},
		{Key: "project", Value: "billing", Source: user},
		{Key: "no_prompts", Value: "false", Source: "default"},
		{Key: "no_directories", Value: "false", Source: "default"},
		{Key: "types", Source: "default"},
		{Key: "fail_on_secrets", Value: "false", Source: "default"},
		{Key: "protocol", Value: "auto", Source: "default"},
		{Key: "dir", Source: "default"},
		{Key: "concurrency", Value: "3", Source: "flag --concurrency"},
		{Key: "timeout", Value: "1m0s", Source: user},
		{Key: "retries", Value: "0", Source: "ENGRAM_SYNC_RETRIES"},
		{Key: "retry_time", Value: "2m0s", Source: "default"},
		{Key: "lock_wait", Value: "0s", Source: "default"},
		{Key: "max_chunk_bytes", Value: "512MiB", Source: "default"},
		{Key: "limit_upload", Value: "0", Source: "default"},
		{Key: "limit_download", Value: "0", Source: "default"},
		{Key: "max_duration", Value: "0s", Source: "default"},
		{Key: "heartbeat_url", Source: "default"},
		{Key: "log_format", Value: "auto", Source: "default"},
		{Key: "color", Value: "auto", Source: "default"},
		{Key: "progress", Value: "auto", Source: "default"},
		{Key: "insecure_http", Value: "false", Source: "default"},
		{Key: "credential_store", Value: "keyring", Source: "default"},
		{Key: "ca_cert", Value: filepath.Join(filepath.Dir(user), "ca.pem"), Source: user},
		{Key: "client_cert", Source: "default"},
		{Key: "client_key", Source: "default"},
		{Key: "remotes.my.home-box_2.url", Value: "http://127.0.0.1:8765", Source: user},
		{Key: "remotes.vault.url", Value: "embedded:vault", Source: user},
		{Key: "remotes.work.url", Value: "https://engram.example.com/team", Source: user},
		{Key: "remotes.work.project", Value: "billing", Source: user},
	}
	if diff := cmp.Diff(want, config.List(cfg)); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestProjectOfTheRemoteNamesTheFile(t *testing.T) {
	in := world{user: myRemotes, flags: []string{"--remote", "work"}, env: []string{"ENGRAM_PROJECT=x"}}.inputs(t)
	cfg, err := config.Load(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Get(cfg, "project")
	want := config.Setting{Key: "project", Value: "billing", Source: in.DefaultFile}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v; setting (-want +got):\n%s", err, diff)
	}
}

func TestGetOfWhatIsNotThere(t *testing.T) {
	cfg := world{user: myRemotes}.mustLoad(t)
	for key, want := range map[string]string{
		"shade":                      "shade: unknown key; known are ca_cert, client_cert, ",
		"token":                      "token: secrets are never kept",
		"remotes.work":               "unknown key",
		"remotes.gone.url":           `remotes.gone.url: no remote is called "gone"; known are my.home-box_2, vault, work`,
		"remotes.gone.project":       `no remote is called "gone"`,
		"remotes.vault.project":      "remotes.vault.project: is not set",
		"remotes.vault.ca_cert":      "remotes.vault.ca_cert: is not set",
		"token_command":              "token_command: belongs to a remote: remotes.NAME.token_command",
		"remotes.gone.token_command": `no remote is called "gone"`,
		"remotes.work.url.extra":     "unknown key",
	} {
		_, err := config.Get(cfg, key)
		wantError(t, err, want)
	}
}
