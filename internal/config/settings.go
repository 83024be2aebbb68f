package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
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
}

func (s setting) flag() string { return strings.ReplaceAll(s.key, "_", "-") }
func (s setting) env() string  { return envPrefix + strings.ToUpper(s.key) }

// settings are all keys except the named remotes, in the order of `config list`.
func settings() []setting {
	return []setting{
		{remoteKey, "", plainText, func(c Config) string { return c.Remote.ref() }, true},
		{projectKey, "", plainText, func(c Config) string { return c.Project }, true},
		{"protocol", "auto", choice("auto", "account", "project"), func(c Config) string { return c.Protocol }, false},
		{"dir", "", plainText, func(c Config) string { return c.Dir }, false},
		{"concurrency", 8, number(1, 64), func(c Config) string { return strconv.Itoa(c.Concurrency) }, false},
		{"timeout", 30 * time.Second, duration(time.Millisecond), func(c Config) string { return c.Timeout.String() }, false},
		{"retries", 100, number(0, 100), func(c Config) string { return strconv.Itoa(c.Retries) }, false},
		{"retry_time", 2 * time.Minute, duration(0), func(c Config) string { return c.RetryTime.String() }, false},
		{"lock_wait", time.Duration(0), duration(0), func(c Config) string { return c.LockWait.String() }, false},
		{"max_chunk_bytes", int64(512 << 20), size, func(c Config) string { return formatSize(c.MaxChunkBytes) }, false},
		{"log_format", "auto", choice("auto", "text", "json", "github"), func(c Config) string { return c.LogFormat }, false},
		{"insecure_http", false, boolean, func(c Config) string { return strconv.FormatBool(c.InsecureHTTP) }, false},
		{"credential_store", "keyring", store, func(c Config) string { return c.CredentialStore }, false},
		{caCertKey, "", filePath, func(c Config) string { return c.CACert }, false},
		{clientCertKey, "", filePath, func(c Config) string { return c.ClientCert }, false},
		{clientKeyKey, "", filePath, func(c Config) string { return c.ClientKey }, false},
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
	show func(Remote) string
}

// remoteFields are all of them, in the order of `config list`.
func remoteFields() []remoteField {
	return []remoteField{
		{urlKey, remoteURL, func(r Remote) string { return r.URL }},
		{projectKey, plainText, func(r Remote) string { return r.Project }},
		{caCertKey, filePath, func(r Remote) string { return r.CACert }},
		{clientCertKey, filePath, func(r Remote) string { return r.ClientCert }},
		{clientKeyKey, filePath, func(r Remote) string { return r.ClientKey }},
		{tokenCommandKey, command, func(r Remote) string { return showCommand(r.TokenCommand) }},
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
