package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	urlKey          = "url"
	tokenCommandKey = "token_command"
)

// remoteField is one key of a named remote.
type remoteField struct {
	key string
	// parse takes the text that Set gets. Its errors are reasons.
	parse func(text string) (any, error)
	// show is the value as parse would take it, "" for none.
	show func(Remote) string
}

// remoteFields are all of them, in the order of `config list`.
func remoteFields() []remoteField {
	return []remoteField{
		{urlKey, parseRemoteURL, func(r Remote) string { return r.URL }},
		{projectKey, parseText, func(r Remote) string { return r.Project }},
		{caCertKey, parsePath, func(r Remote) string { return r.CACert }},
		{clientCertKey, parsePath, func(r Remote) string { return r.ClientCert }},
		{clientKeyKey, parsePath, func(r Remote) string { return r.ClientKey }},
		{tokenCommandKey, parseCommand, func(r Remote) string { return showCommand(r.TokenCommand) }},
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

// read takes the field's value in the config file called source.
func (f remoteField) read(node *yaml.Node, source string) (any, error) {
	if f.key == tokenCommandKey {
		return readCommand(node, source)
	}
	if err := checkType([]string{"!!str"}, f.parse, node); err != nil {
		return nil, err
	}
	value, err := f.parse(node.Value)
	if err != nil || !slices.Contains(fileKeys(), f.key) {
		return value, err
	}
	return besideFile(source, node.Value)
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
