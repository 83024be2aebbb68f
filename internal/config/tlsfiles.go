package config

import (
	"errors"
	"path/filepath"
	"strings"
)

const (
	caCertKey     = "ca_cert"
	clientCertKey = "client_cert"
	clientKeyKey  = "client_key"
)

// parsePath takes a path of this machine. Only a shell knows ~, and none reads
// a config file, a variable or what stands after the = of a flag.
func parsePath(text string) (any, error) {
	if strings.HasPrefix(text, "~/") || strings.HasPrefix(text, `~\`) {
		return nil, errors.New("begins with ~, which is not expanded here; write it out, or use an absolute path")
	}
	return parseText(text)
}

// besideFile is a path as a config file has it: relative to the directory of
// that file, since the same file is read from many working directories.
func besideFile(file, path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	return filepath.Abs(filepath.Join(filepath.Dir(file), path))
}

// chooseFiles finds the TLS files that count for the chosen remote.
func (m merged) chooseFiles(cfg *Config) error {
	own := cfg.Remote
	hasOwn := own.ClientCert != "" || own.ClientKey != ""
	if hasOwn {
		// One half of the remote's own pair never goes with the other half of
		// the general one.
		m.dropGeneral(clientCertKey, &cfg.ClientCert)
		m.dropGeneral(clientKeyKey, &cfg.ClientKey)
	}
	m.closer(own.Name, caCertKey, &cfg.CACert, &cfg.Remote.CACert)
	m.closer(own.Name, clientCertKey, &cfg.ClientCert, &cfg.Remote.ClientCert)
	m.closer(own.Name, clientKeyKey, &cfg.ClientKey, &cfg.Remote.ClientKey)
	if (cfg.ClientCert == "") == (cfg.ClientKey == "") {
		return nil
	}
	set, missing := clientCertKey, clientKeyKey
	if cfg.ClientCert == "" {
		set, missing = missing, set
	}
	from := m.origins[set]
	err := halfPair(from, own.Name, set, missing, hasOwn)
	if from.rank > fromUserFile {
		return err
	}
	if cfg.RemoteErr == nil {
		// Not wrong yet: `config set` writes one key at a time.
		cfg.RemoteErr, cfg.Remote.URL = err, ""
	}
	return nil
}

// dropGeneral forgets what the user's file says for all remotes.
func (m merged) dropGeneral(key string, general *string) {
	if m.origins[key].rank <= fromUserFile {
		*general = ""
		m.origins[key] = origin{"default", fromDefault}
	}
}

// halfPair says in the words of its source what is missing.
func halfPair(from origin, remote, set, missing string, own bool) error {
	switch {
	case from.rank == fromFlag:
		missing = "--" + setting{key: missing}.flag()
	case from.rank == fromEnv:
		missing = setting{key: missing}.env()
	case own:
		set, missing = remoteKeyOf(remote, set), remoteKeyOf(remote, missing)
	}
	return from.wrap(set, errors.New("is set without "+missing+"; set both (one file can hold both), or neither"))
}
