package config

import (
	"slices"
	"strings"
)

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
	all := remoteFields()
	i := slices.IndexFunc(all, func(f remoteField) bool { return f.key == key })
	if i < 0 {
		return remoteField{}, false
	}
	return all[i], true
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
