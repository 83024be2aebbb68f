// Package config turns flags, environment variables and files into one plain
// Config value. It alone knows Viper, which merges what was found; reading is
// done here, strictly, because Viper takes "abc" for 0 and "30" for 30 ns.
//
// What counts, from strongest to weakest: a flag, ENGRAM_SYNC_*, the file of
// the repository (remote name and project only), the user's file (for the
// project and the TLS files: first those of the chosen remote, then the
// general ones), engram's own variables, the default.
package config

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
)

// Config is everything that a run was told. Values are within the bounds
// given here. Nothing in it is secret but HeartbeatURL: no token passes through this package.
type Config struct {
	// Remote is the chosen remote. While RemoteErr is set it cannot be used,
	// and its URL is "".
	Remote Remote `mapstructure:"-"`
	// RemoteErr says why there is no remote to talk to: ErrNoRemote, or an
	// *Error about a repository that asks for a remote the user does not
	// have, or about a config file that has half of a client certificate.
	// Local commands do not care.
	RemoteErr error `mapstructure:"-"`
	// Remotes are the named ones, by name, with their own fields only.
	Remotes map[string]Remote `mapstructure:"remotes"`
	// RemoteByRepo and ProjectByRepo say that a file of the repository chose the
	// remote's name, or the project, and the user did not: not even the same. Who
	// chooses the remote chooses the project that the user gave it.
	RemoteByRepo  bool `mapstructure:"-"`
	ProjectByRepo bool `mapstructure:"-"`
	// Project is the project that counts, "" for none; Remote has the same.
	// As it was written: the transport normalises it.
	Project string `mapstructure:"project"`
	// NoPrompts, NoDirectories and Types are what export leaves out: Types are words with commas between
	// them, in small letters, "" for all, and noTypes for none.
	NoPrompts     bool   `mapstructure:"no_prompts"`
	NoDirectories bool   `mapstructure:"no_directories"`
	Types         string `mapstructure:"types"`
	// FailOnSecrets keeps at home what looks as if it held a secret.
	FailOnSecrets bool `mapstructure:"fail_on_secrets"`
	// Protocol is what kind of server the remote is: "account", "project", or
	// "auto" to find out.
	Protocol string `mapstructure:"protocol"`
	// Dir is the chunk directory itself, "" to look for it.
	Dir string `mapstructure:"dir"`
	// Concurrency is how many transfers run at once, 1 to 64.
	Concurrency int `mapstructure:"concurrency"`
	// Timeout is how long a request may make no progress, 1 ms to 24 h.
	Timeout time.Duration `mapstructure:"timeout"`
	// Retries is how often a failed request is repeated at most, 0 to 100.
	Retries int `mapstructure:"retries"`
	// RetryTime is for how long, 0 to 24 h: what is spent first, counts.
	RetryTime time.Duration `mapstructure:"retry_time"`
	// LockWait is how long to wait for another run's lock, 0 to 24 h.
	LockWait time.Duration `mapstructure:"lock_wait"`
	// MaxChunkBytes bounds one uncompressed chunk, 1 byte to 1 TiB.
	MaxChunkBytes int64 `mapstructure:"max_chunk_bytes"`
	// LimitUpload and LimitDownload are bytes a second, up to 1 TiB; 0 is no limit.
	LimitUpload   int64 `mapstructure:"limit_upload"`
	LimitDownload int64 `mapstructure:"limit_download"`
	// MaxDuration is how long a run may take, 0 to 24 h; 0 is no limit.
	MaxDuration time.Duration `mapstructure:"max_duration"`
	// HeartbeatURL is told of runs that nobody watches, "" for none: http or https, no fragment. It is
	// a secret, as far as it says more than the host.
	HeartbeatURL string `mapstructure:"heartbeat_url"`
	// LogFormat is "auto", "text", "json" or "github".
	LogFormat string `mapstructure:"log_format"`
	// Color is "auto", "always" or "never".
	Color string `mapstructure:"color"`
	// Progress is "auto", "bar", "plain", "json" or "none".
	Progress string `mapstructure:"progress"`
	// InsecureHTTP lets credentials travel over cleartext HTTP to other hosts.
	InsecureHTTP bool `mapstructure:"insecure_http"`
	// CredentialStore is where tokens are kept: "keyring", or "file" if the
	// user chose that.
	CredentialStore string `mapstructure:"credential_store"`
	// CACert is a PEM file of authorities to trust, ClientCert and ClientKey
	// those of the certificate to show, as they count for the chosen remote;
	// "" for none. Remote has the same. They need not exist. Unless RemoteErr
	// is set, the latter two are both there or both "".
	CACert     string `mapstructure:"ca_cert"`
	ClientCert string `mapstructure:"client_cert"`
	ClientKey  string `mapstructure:"client_key"`
	// Warnings are for the user, one line each.
	Warnings []string `mapstructure:"-"`
	// Sources says where each key's value came from: "flag --retries",
	// "ENGRAM_SYNC_RETRIES", the path of a file, "ENGRAM_PROJECT", "default".
	Sources map[string]string `mapstructure:"-"`
}

// Remote is a server, or a vault on this machine.
type Remote struct {
	// Name is its name in the user's config, "" if only a URL was given.
	Name string
	// URL is a base URL (http or https, no user, query or fragment),
	// "embedded" or "embedded:DIR".
	URL string
	// Project is "" where none was given.
	Project string
	// CACert, ClientCert and ClientKey are paths of PEM files, "" where none
	// were given.
	CACert     string `mapstructure:"ca_cert"`
	ClientCert string `mapstructure:"client_cert"`
	ClientKey  string `mapstructure:"client_key"`
	// TokenCommand prints the token: a program, by its absolute path or to be
	// found in PATH, and its arguments, for no shell; 1 to 32 texts, or nil.
	// Only a named remote has one.
	TokenCommand []string `mapstructure:"token_command"`
	// FromEngramEnv: the URL came from one of engram's own variables. Only
	// then may engram's token variables be used.
	FromEngramEnv bool
}

// DefaultFile is where the user's config file lies unless told otherwise:
// config.yaml in engram-sync's directory under $XDG_CONFIG_HOME, or under the
// OS's own place for such files.
func DefaultFile() string {
	return filepath.Join(xdg.ConfigHome, "engram-sync", "config.yaml")
}

// SoleRemote is the source of a remote that nobody chose: there is only one.
const SoleRemote = "the only remote there is"

// ErrNoRemote is Config.RemoteErr where nobody named a remote.
var ErrNoRemote = errors.New("no remote is chosen: pass --remote NAME|URL, or run " +
	"`engram-sync config set remotes.NAME.url URL` and `engram-sync config set remote NAME`")

// Error is a setting that cannot be used. All errors of this package about
// what the user wrote are of this type.
type Error struct {
	// Source is where it was read: a path, "flag --retries", a variable; ""
	// if the key itself was the question.
	Source string
	// Key is the setting in a file, such as remotes.work.url; "" where
	// Source already names it, or the file as a whole is meant.
	Key string
	// Reason says what is wrong, on one line, and never quotes a secret.
	Reason string
	// Err is the cause, if it has one. Reason already tells it.
	Err error
}

func (e *Error) Error() string {
	parts := []string{e.Source, e.Key, e.Reason}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}

func (e *Error) Unwrap() error { return e.Err }
