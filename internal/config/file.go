package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// parseUserFile takes every key.
func parseUserFile(path string, data []byte) (layer, error) {
	l, from := newLayer(), origin{path, fromUserFile}
	err := eachSetting(path, data, func(key string, node *yaml.Node) error {
		if key == remotesKey {
			return l.putRemotes(node, from)
		}
		return l.putNode(key, node, from)
	})
	return l, err
}

// parseRepoFile takes what a stranger may decide.
func parseRepoFile(path string, data []byte) (layer, error) {
	l, from := newLayer(), origin{path, fromRepoFile}
	err := eachSetting(path, data, func(key string, node *yaml.Node) error {
		s, ok := findSetting(key)
		if key == remotesKey || key == tokenCommandKey || ok && !s.inRepo {
			return &Error{Source: path, Key: key, Reason: "a file inside a repository may set only remote, project " +
				"and what keeps more at home, since whoever can commit must not redirect memories or run programs; move this to your own config"}
		}
		if err := l.putNode(key, node, from); err != nil || key != remoteKey {
			if l.values[key] == false {
				return &Error{Source: path, Key: key, Reason: "a file inside a repository can only keep more at home, so only true may stand here"}
			}
			return err
		}
		if checkName(node.Value) != nil {
			return &Error{Source: path, Key: key, Reason: "a file inside a repository can only name a remote " +
				"that your own config defines, and this is not such a name"}
		}
		return nil
	})
	return l, err
}

func (l layer) putNode(key string, node *yaml.Node, from origin) error {
	s, ok := findSetting(key)
	if !ok {
		return unknownKey(from.name, key)
	}
	return l.read(l.values, key, key, s.kind, node, from)
}

// read puts the value of a node under a key; flat is the same key from the top.
func (l layer) read(into map[string]any, key, flat string, k kind, node *yaml.Node, from origin) error {
	value, err := k.read(node, from.name)
	if err != nil {
		return from.wrap(flat, err)
	}
	into[key], l.origins[flat] = value, from
	return nil
}

func (l layer) putRemotes(node *yaml.Node, from origin) error {
	remotes := map[string]any{}
	err := eachPair(from.name, remotesKey, node, func(name string, node *yaml.Node) error {
		key := remotesKey + "." + name
		if err := checkName(name); err != nil {
			return from.wrap(key, err)
		}
		fields := map[string]any{}
		if err := eachPair(from.name, key, node, func(field string, node *yaml.Node) error {
			return l.putRemoteField(fields, name, field, node, from)
		}); err != nil {
			return err
		}
		if fields[urlKey] == nil {
			return from.wrap(key, errors.New("has no url; set "+remoteKeyOf(name, urlKey)+" first"))
		}
		remotes[name] = fields
		return nil
	})
	l.values[remotesKey] = remotes
	return err
}

func (l layer) putRemoteField(fields map[string]any, name, key string, node *yaml.Node, from origin) error {
	field, ok := findRemoteField(key)
	flat := remoteKeyOf(name, key)
	if !ok {
		return unknownKey(from.name, flat)
	}
	return l.read(fields, key, flat, field.kind, node, from)
}

// maxFileBytes bounds a config file. Real ones have a few hundred bytes.
const maxFileBytes = 1 << 20

// readUserFile reads the user's own file. It must exist if somebody named it.
func readUserFile(path, namedBy string) (layer, error) {
	if path == "" && namedBy == "" {
		return newLayer(), nil
	}
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && namedBy == "" {
		return newLayer(), nil
	}
	if err != nil {
		return layer{}, fileError(path, namedBy, err)
	}
	return parseUserFile(path, data)
}

// readRepoFile reads the file of a repository, which anybody may have written.
func readRepoFile(path string) (layer, error) {
	if path == "" {
		return newLayer(), nil
	}
	f, _, err := repofile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newLayer(), nil
	}
	if errors.Is(err, repofile.ErrNotRegular) {
		err = fmt.Errorf("it is %w", repofile.ErrNotRegular)
	}
	if err != nil {
		return layer{}, fileError(path, "", err)
	}
	data, err := readAll(f)
	if err != nil {
		return layer{}, fileError(path, "", err)
	}
	return parseRepoFile(path, data)
}

func fileError(path, namedBy string, err error) error {
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err // its operation and path say nothing new here
	}
	reason := fmt.Sprintf("cannot read the config file: %v", cause)
	if namedBy != "" {
		reason += " (named by " + namedBy + ")"
	}
	return &Error{Source: path, Reason: reason, Err: err}
}

func readFile(path string) ([]byte, error) {
	f, err := sharing.Open(path)
	if err != nil {
		return nil, err
	}
	return readAll(f)
}

// readAll reads and closes a file.
func readAll(f *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("it is larger than %d bytes", maxFileBytes)
	}
	return data, cmp.Or(err, f.Close())
}
