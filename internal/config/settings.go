package config

import (
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
		{"retries", 4, number(0, 20), func(c Config) string { return strconv.Itoa(c.Retries) }, false},
		{"lock_wait", time.Duration(0), duration(0), func(c Config) string { return c.LockWait.String() }, false},
		{"max_chunk_bytes", int64(512 << 20), size, func(c Config) string { return formatSize(c.MaxChunkBytes) }, false},
		{"log_format", "text", choice("text", "json"), func(c Config) string { return c.LogFormat }, false},
		{"insecure_http", false, boolean, func(c Config) string { return strconv.FormatBool(c.InsecureHTTP) }, false},
		{"credential_store", "keyring", store, func(c Config) string { return c.CredentialStore }, false},
		{caCertKey, "", filePath, func(c Config) string { return c.CACert }, false},
		{clientCertKey, "", filePath, func(c Config) string { return c.ClientCert }, false},
		{clientKeyKey, "", filePath, func(c Config) string { return c.ClientKey }, false},
	}
}

func findSetting(key string) (setting, bool) {
	all := settings()
	i := slices.IndexFunc(all, func(s setting) bool { return s.key == key })
	if i < 0 {
		return setting{}, false
	}
	return all[i], true
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
