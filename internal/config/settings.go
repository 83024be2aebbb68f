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
	// tags are the YAML types that a value in a file may have.
	tags []string
	// parse gives a value of the type of fallback. Its errors are reasons.
	parse func(text string) (any, error)
	// show is the effective value as parse would take it.
	show func(Config) string
	// inRepo: a file inside a repository may set it.
	inRepo bool
}

func (s setting) flag() string { return strings.ReplaceAll(s.key, "_", "-") }
func (s setting) env() string  { return envPrefix + strings.ToUpper(s.key) }

// settings are all keys except the named remotes, in the order of `config list`.
func settings() []setting {
	text, number := []string{"!!str"}, []string{"!!int"}
	// A plain 0 is a duration, and plain bytes are a size. What else has no
	// unit, parse refuses.
	measure := []string{"!!str", "!!int"}
	return []setting{
		{"remote", "", text, parseText, func(c Config) string { return c.Remote.ref() }, true},
		{"project", "", text, parseText, func(c Config) string { return c.Project }, true},
		{"protocol", "auto", text, oneOf("auto", "account", "project"), func(c Config) string { return c.Protocol }, false},
		{"dir", "", text, parseText, func(c Config) string { return c.Dir }, false},
		{"concurrency", 8, number, whole(1, 64), func(c Config) string { return strconv.Itoa(c.Concurrency) }, false},
		{"timeout", 30 * time.Second, measure, duration(time.Millisecond),
			func(c Config) string { return c.Timeout.String() }, false},
		{"retries", 4, number, whole(0, 20), func(c Config) string { return strconv.Itoa(c.Retries) }, false},
		{"lock_wait", time.Duration(0), measure, duration(0),
			func(c Config) string { return c.LockWait.String() }, false},
		{"max_chunk_bytes", int64(512 << 20), measure, parseSize,
			func(c Config) string { return formatSize(c.MaxChunkBytes) }, false},
		{"log_format", "text", text, oneOf("text", "json"), func(c Config) string { return c.LogFormat }, false},
		{"insecure_http", false, []string{"!!bool"}, parseBool,
			func(c Config) string { return strconv.FormatBool(c.InsecureHTTP) }, false},
		{"credential_store", "keyring", text, parseStore, func(c Config) string { return c.CredentialStore }, false},
		{caCertKey, "", text, parsePath, func(c Config) string { return c.CACert }, false},
		{clientCertKey, "", text, parsePath, func(c Config) string { return c.ClientCert }, false},
		{clientKeyKey, "", text, parsePath, func(c Config) string { return c.ClientKey }, false},
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
