package config_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
)

// myFiles has general files, and remotes with all, some and none of their own.
const myFiles = `
ca_cert: ca.pem
client_cert: me.pem
client_key: me.key
remotes:
  full: {url: "https://full.example.com", ca_cert: full/ca.pem, client_cert: full/c.pem, client_key: full/k.pem}
  trust: {url: "https://trust.example.com", ca_cert: ../trust.pem}
  plain: {url: "https://plain.example.com"}
`

func TestTLSFilesOfTheChosenRemote(t *testing.T) {
	tests := []struct {
		name string
		world
		// ca, cert and key, relative to the config file except where a flag
		// or a variable set them.
		ca, cert, key string
	}{
		{"no remote", world{}, "@ca.pem", "@me.pem", "@me.key"},
		{"its own", world{flags: []string{"--remote", "full"}}, "@full/ca.pem", "@full/c.pem", "@full/k.pem"},
		{"some of its own", world{flags: []string{"--remote", "trust"}}, "@../trust.pem", "@me.pem", "@me.key"},
		{"none of its own", world{flags: []string{"--remote", "plain"}}, "@ca.pem", "@me.pem", "@me.key"},
		{"a URL", world{flags: []string{"--remote", "https://full.example.com"}}, "@ca.pem", "@me.pem", "@me.key"},
		{"variables beat the remote's", world{repo: "remote: full",
			env: []string{"ENGRAM_SYNC_CA_CERT=e.pem", "ENGRAM_SYNC_CLIENT_KEY=e.key"}}, "e.pem", "@full/c.pem", "e.key"},
		{"flags beat variables", world{flags: []string{"--remote", "full", "--ca-cert", "f.pem", "--client-cert=f.crt", "--client-key", "f.key"},
			env: []string{"ENGRAM_SYNC_CA_CERT=e.pem", "ENGRAM_SYNC_CLIENT_KEY=e.key"}}, "f.pem", "f.crt", "f.key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.user = myFiles
			in := tt.inputs(t)
			cfg, err := config.Load(in)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{expand(in, tt.ca), expand(in, tt.cert), expand(in, tt.key)}
			if diff := cmp.Diff(want, []string{cfg.CACert, cfg.ClientCert, cfg.ClientKey}); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, []string{cfg.Remote.CACert, cfg.Remote.ClientCert, cfg.Remote.ClientKey}); diff != "" {
				t.Errorf("files of the remote (-want +got):\n%s", diff)
			}
			if got, want := cfg.Remotes["trust"].CACert, expand(in, "@../trust.pem"); got != want || cfg.Remotes["trust"].ClientCert != "" {
				t.Errorf("the named remote has %+v, want only %s of its own", cfg.Remotes["trust"], want)
			}
		})
	}
}

// expand puts the directory of the config file in the place of @.
func expand(in config.Inputs, path string) string {
	if path[0] != '@' {
		return path
	}
	return filepath.Join(filepath.Dir(in.DefaultFile), filepath.FromSlash(path[1:]))
}

func TestAbsoluteFilesStay(t *testing.T) {
	want := absolute(t, "ca.pem")
	cfg := world{user: "ca_cert: '" + want + "'\nremotes: {a: {url: http://a, ca_cert: '" + want + "'}}"}.mustLoad(t)
	if cfg.CACert != want || cfg.Remotes["a"].CACert != want {
		t.Errorf("files %q and %q, want %q", cfg.CACert, cfg.Remotes["a"].CACert, want)
	}
}

// A flag or variable is wrong at once.
func TestHalfAClientCertificate(t *testing.T) {
	tests := []struct {
		world
		want string
	}{
		{world{flags: []string{"--client-cert", "c"}}, "flag --client-cert: is set without --client-key; set both"},
		{world{flags: []string{"--client-key", "k"}}, "flag --client-key: is set without --client-cert;"},
		{world{env: []string{"ENGRAM_SYNC_CLIENT_CERT=c"}}, "ENGRAM_SYNC_CLIENT_CERT: is set without ENGRAM_SYNC_CLIENT_KEY;"},
		{world{env: []string{"ENGRAM_SYNC_CLIENT_KEY=k"}, user: myRemotes + "remote: work"},
			"ENGRAM_SYNC_CLIENT_KEY: is set without ENGRAM_SYNC_CLIENT_CERT;"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			_, err := tt.load(t)
			wantError(t, err, tt.want)
		})
	}
}

// In a file it stops only what talks to a remote: `config set` writes one key
// at a time, and reads what is there before.
func TestHalfAClientCertificateInAFile(t *testing.T) {
	const half = "remotes: {a: {url: http://a, client_cert: c}, b: {url: http://b, client_key: k}, c: {url: http://c}}\n"
	const generalKey = half + "client_key: general\n"
	const generalBoth = generalKey + "client_cert: general\n"
	tests := []struct {
		name, user, remote, want string
	}{
		{"general", "client_cert: c\n", "http://a", "config.yaml: client_cert: is set without client_key; set both"},
		{"general, named remote", generalKey, "c", "config.yaml: client_key: is set without client_cert;"},
		{"certificate", half, "a", "config.yaml: remotes.a.client_cert: is set without remotes.a.client_key;"},
		{"key", half, "b", "config.yaml: remotes.b.client_key: is set without remotes.b.client_cert;"},
		{"the other half is not the general one", generalBoth, "a", "remotes.a.client_cert: is set without remotes.a.client_key;"},
		{"the general one alone", generalBoth, "c", ""},
		{"another remote's fault", half, "c", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := world{user: tt.user, flags: []string{"--remote", tt.remote}}.mustLoad(t)
			if tt.want == "" {
				if cfg.RemoteErr != nil || cfg.Remote.URL == "" {
					t.Errorf("remote %+v with error %v", cfg.Remote, cfg.RemoteErr)
				}
				return
			}
			wantError(t, cfg.RemoteErr, tt.want)
			if cfg.Remote.URL != "" {
				t.Errorf("URL %q, want none", cfg.Remote.URL)
			}
		})
	}
	t.Run("having no remote comes first", func(t *testing.T) {
		cfg := world{user: generalKey}.mustLoad(t)
		if !errors.Is(cfg.RemoteErr, config.ErrNoRemote) {
			t.Errorf("RemoteErr %v, want ErrNoRemote", cfg.RemoteErr)
		}
	})
	t.Run("a flag brings the other half", func(t *testing.T) {
		cfg := world{user: half, flags: []string{"--remote", "a", "--client-key", "k"}}.mustLoad(t)
		if cfg.RemoteErr != nil || cfg.ClientKey != "k" {
			t.Errorf("key %q, error %v", cfg.ClientKey, cfg.RemoteErr)
		}
	})
}

func TestSourceOfARemotesFile(t *testing.T) {
	in := world{user: myFiles, flags: []string{"--remote", "full"}, env: []string{"ENGRAM_SYNC_CA_CERT=e.pem"}}.inputs(t)
	cfg, err := config.Load(in)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]config.Setting{
		"ca_cert":                 {Key: "ca_cert", Value: "e.pem", Source: "ENGRAM_SYNC_CA_CERT"},
		"client_cert":             {Key: "client_cert", Value: expand(in, "@full/c.pem"), Source: in.DefaultFile},
		"remotes.full.ca_cert":    {Key: "remotes.full.ca_cert", Value: expand(in, "@full/ca.pem"), Source: in.DefaultFile},
		"remotes.trust.ca_cert":   {Key: "remotes.trust.ca_cert", Value: expand(in, "@../trust.pem"), Source: in.DefaultFile},
		"remotes.full.client_key": {Key: "remotes.full.client_key", Value: expand(in, "@full/k.pem"), Source: in.DefaultFile},
	} {
		got, err := config.Get(cfg, key)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v; setting (-want +got):\n%s", err, diff)
		}
	}
}
