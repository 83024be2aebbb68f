package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/nearest"
)

const (
	envPrefix  = "ENGRAM_SYNC_"
	remotesKey = "remotes"
)

// setting is one key: its default, how its text is read, where it may stand.
type setting struct {
	key      string
	fallback any
	kind     kind
	// show is the effective value as kind.parse would take it.
	show func(Config) string
	// inRepo: a file inside a repository may set it.
	inRepo bool
	// about is what it says, and which values there are, in Markdown.
	about string
}

func (s setting) flag() string { return strings.ReplaceAll(s.key, "_", "-") }
func (s setting) env() string  { return envPrefix + strings.ToUpper(s.key) }

// settings are all keys except the named remotes, in the order of `config list`.
func settings() []setting {
	return []setting{
		{remoteKey, "", plainText, func(c Config) string { return c.Remote.ref() }, true,
			"the server: a name from `remotes`, a base URL, or `embedded[:DIR]` for one in the process"},
		{projectKey, "", plainText, func(c Config) string { return c.Project }, true,
			"the project on project servers; on account servers, whose chunks `pull` and `sync` bring"},
		{"no_prompts", false, boolean, func(c Config) string { return strconv.FormatBool(c.NoPrompts) }, true,
			"whether `export` leaves prompts out: `true` or `false` (in a repository's file only `true`)"},
		{"no_directories", false, boolean, func(c Config) string { return strconv.FormatBool(c.NoDirectories) }, true,
			"whether `export` writes the project's name in the place of a session's directory: as above"},
		{typesKey, "", wordList, func(c Config) string { return c.Types }, true,
			"the types of the memories that `export` writes, such as `decision,bugfix`; without it, all. A repository's file can only take from them"},
		{"fail_on_secrets", false, boolean, func(c Config) string { return strconv.FormatBool(c.FailOnSecrets) }, true,
			"whether `push`, `export` and `verify` fail over what looks like a [secret](security.md#secrets-in-memories), in place of a warning: as above"},
		{"protocol", "auto", choice("auto", "account", "project"), func(c Config) string { return c.Protocol }, false,
			"what kind of server the remote is: `auto`, `account` or `project`"},
		{"dir", "", plainText, func(c Config) string { return c.Dir }, false,
			"the chunk directory itself; without it, the nearest `.engram` in this git work tree"},
		{"concurrency", 8, number(1, 64), func(c Config) string { return strconv.Itoa(c.Concurrency) }, false,
			"how many transfers run at once: 1 to 64"},
		{"timeout", 30 * time.Second, duration(time.Millisecond), func(c Config) string { return c.Timeout.String() }, false,
			"how long a request may stand still: `1ms` to `24h`"},
		{"retries", 100, number(0, 100), func(c Config) string { return strconv.Itoa(c.Retries) }, false,
			"how often a failed request is repeated: 0 to 100"},
		{"retry_time", 2 * time.Minute, duration(0), func(c Config) string { return c.RetryTime.String() }, false,
			"how long a failed request is repeated: up to `24h`; what is spent first, counts"},
		{"lock_wait", time.Duration(0), duration(0), func(c Config) string { return c.LockWait.String() }, false,
			"how long to wait for another engram-sync on the same directory: up to `24h`"},
		{"max_chunk_bytes", int64(512 << 20), size, func(c Config) string { return formatSize(c.MaxChunkBytes) }, false,
			"the largest chunk, uncompressed: up to `1TiB`"},
		{"limit_upload", int64(0), pace, func(c Config) string { return formatSize(c.LimitUpload) }, false,
			"how much goes up in a second, of all transfers together: up to `1TiB`; `0` is no limit"},
		{"limit_download", int64(0), pace, func(c Config) string { return formatSize(c.LimitDownload) }, false,
			"how much comes down in a second, of all transfers together: up to `1TiB`; `0` is no limit"},
		{"max_duration", time.Duration(0), duration(0), func(c Config) string { return c.MaxDuration.String() }, false,
			"how long a run may take before it ends with exit code 5: up to `24h`; `0s` for ever"},
		{"heartbeat_url", "", heartbeatURL, func(c Config) string { return showHeartbeatURL(c.HeartbeatURL) }, false,
			"a monitor that is told of [runs](backup.md#somebody-is-told): `URL/start`, then `URL` or `URL/EXIT-CODE`; a secret"},
		{"log_format", "auto", choice("auto", "text", "json", "github"), func(c Config) string { return c.LogFormat }, false,
			"how stderr is written: `auto`, `text`, `json` or `github`"},
		{"color", "auto", choice("auto", "always", "never"), func(c Config) string { return c.Color }, false,
			"whether text has colours: `auto` (on a terminal, without `NO_COLOR`), `always` or `never`"},
		{"progress", "auto", choice("auto", "bar", "plain", "json", "none"), func(c Config) string { return c.Progress }, false,
			"how long work shows how it goes: `auto`, `bar`, `plain`, `json` or `none`"},
		{"insecure_http", false, boolean, func(c Config) string { return strconv.FormatBool(c.InsecureHTTP) }, false,
			"whether tokens may go over cleartext http to other machines: `true` or `false`"},
		{"credential_store", "keyring", store, func(c Config) string { return c.CredentialStore }, false,
			"where logins are kept: `keyring`, or `file` (plain text, for you alone)"},
		{caCertKey, "", filePath, func(c Config) string { return c.CACert }, false,
			"a PEM file of authorities to trust besides those of the machine"},
		{clientCertKey, "", filePath, func(c Config) string { return c.ClientCert }, false,
			"a PEM file with the certificate to show to the server"},
		{clientKeyKey, "", filePath, func(c Config) string { return c.ClientKey }, false,
			"a PEM file with the private key of that certificate"},
	}
}

func findSetting(key string) (setting, bool) {
	for _, s := range settings() {
		if s.key == key {
			return s, true
		}
	}
	return setting{}, false
}

// unknownKey explains a key that does not exist, or must not.
func unknownKey(source, key string) *Error {
	if key == tokenCommandKey {
		return &Error{Source: source, Key: key, Reason: "belongs to a remote: " + remoteKeyOf("NAME", key)}
	}
	if looksSecret(key) {
		return &Error{Source: source, Key: key, Reason: "secrets are never kept in a config file; " +
			"remove it, and pass the token in " + tokenVariable + ", or have " +
			remoteKeyOf("NAME", tokenCommandKey) + " fetch it"}
	}
	var known []string
	for _, f := range remoteFields() {
		known = append(known, remoteKeyOf("NAME", f.key))
	}
	for _, s := range settings() {
		known = append(known, s.key)
	}
	slices.Sort(known)
	if near := nearest.Question(key, known); near != "" {
		return &Error{Source: source, Key: key, Reason: "unknown key" + near}
	}
	return &Error{Source: source, Key: key, Reason: "unknown key; known are " + strings.Join(known, ", ")}
}

// looksSecret says whether a key that we do not know seems to hold a secret.
func looksSecret(key string) bool {
	plain := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(key))
	for _, word := range []string{"token", "password", "passwd", "passphrase", "secret", "apikey", "bearer",
		"authorization", "credential", "jwt"} {
		if strings.Contains(plain, word) {
			return true
		}
	}
	return false
}

const (
	urlKey          = "url"
	tokenCommandKey = "token_command"
)

// remoteField is one key of a named remote.
type remoteField struct {
	key  string
	kind kind
	// show is the value as parse would take it, "" for none.
	show  func(Remote) string
	about string
}

// remoteFields are all of them, in the order of `config list`.
func remoteFields() []remoteField {
	return []remoteField{
		{urlKey, remoteURL, func(r Remote) string { return r.URL }, "the base URL, or `embedded[:DIR]`"},
		{projectKey, plainText, func(r Remote) string { return r.Project }, "as above, for this remote"},
		{caCertKey, filePath, func(r Remote) string { return r.CACert }, "as above, for this remote"},
		{clientCertKey, filePath, func(r Remote) string { return r.ClientCert }, "as above, for this remote"},
		{clientKeyKey, filePath, func(r Remote) string { return r.ClientKey }, "as above, for this remote"},
		{tokenCommandKey, command, func(r Remote) string { return showCommand(r.TokenCommand) }, "a program that prints the token: a list of its name and arguments, run without a shell"},
	}
}

func findRemoteField(key string) (remoteField, bool) {
	for _, f := range remoteFields() {
		if f.key == key {
			return f, true
		}
	}
	return remoteField{}, false
}

// remoteKeyOf is the flat key of a named remote's field.
func remoteKeyOf(name, field string) string { return remotesKey + "." + name + "." + field }

// splitRemoteKey takes remotes.NAME.url apart. The name may hold dots.
func splitRemoteKey(key string) (name string, field remoteField, ok bool) {
	rest, ok := strings.CutPrefix(key, remotesKey+".")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 {
		return "", remoteField{}, false
	}
	field, ok = findRemoteField(rest[dot+1:])
	return rest[:dot], field, ok
}

// Setting is one key with the value that counts, as Set would take it ("" for
// none), and where that came from (as in Config.Sources).
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// List gives every setting, and then the fields of each named remote that has
// them, sorted by name.
func List(cfg Config) []Setting {
	var list []Setting
	for _, s := range settings() {
		list = append(list, Setting{s.key, s.show(cfg), cfg.Sources[s.key]})
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Remotes)) {
		for _, f := range remoteFields() {
			key, value := remoteKeyOf(name, f.key), f.show(cfg.Remotes[name])
			if value != "" {
				list = append(list, Setting{key, value, cfg.Sources[key]})
			}
		}
	}
	return list
}

// Get gives one of the settings that List gives. A key that is none is an
// *Error which lists what keys there are.
func Get(cfg Config, key string) (Setting, error) {
	for _, s := range List(cfg) {
		if s.Key == key {
			return s, nil
		}
	}
	if name, _, ok := splitRemoteKey(key); ok {
		if _, known := cfg.Remotes[name]; known {
			return Setting{}, &Error{Key: key, Reason: "is not set"}
		}
		return Setting{}, &Error{Key: key, Reason: unknownRemote(cfg.Remotes, name).Error()}
	}
	return Setting{}, unknownKey("", key)
}

// Key is a setting as the documentation tells it.
type Key struct {
	Key string
	// Variable is "" for the fields of a remote, as is Flag, which is a name without dashes. A setting need not have its flag.
	Variable, Flag string
	// Default is "" where there is none.
	Default string
	// InRepo: the file of a repository may set it.
	InRepo bool
	// Choices are all values that it takes; nil where nobody can list them.
	Choices []string
	// About is what it says, and which values there are, in Markdown.
	About string
}

// Keys are all settings, then the fields of a remote.
func Keys() []Key {
	var keys []Key
	for _, s := range settings() {
		fallback := fmt.Sprint(s.fallback)
		if bytes, ok := s.fallback.(int64); ok {
			fallback = formatSize(bytes)
		}
		keys = append(keys, Key{s.key, s.env(), s.flag(), fallback, s.inRepo, s.kind.choices, s.about})
	}
	for _, f := range remoteFields() {
		keys = append(keys, Key{Key: remoteKeyOf("NAME", f.key), About: f.about})
	}
	return keys
}
