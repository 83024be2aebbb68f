package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// Set writes one setting into the user's config file at path: a key of List,
// or a field of remotes.NAME, of which the url comes first. A token_command is
// a JSON array of strings. A relative path of a PEM file or program stays as it
// is, and is relative to the directory of the config file. One half of a client
// certificate may stand alone, since one comes first.
// Comments and order stay. What Load would not take, and a file that would
// not load afterwards, is an *Error, and nothing is written. A new file gets
// mode 0600, and its directory 0700; an existing one keeps its mode.
// The last of two concurrent writers wins.
func Set(path, key, value string) error {
	node, err := newValue(path, key, value)
	if err != nil {
		return err
	}
	file, err := openEdit(path)
	if err != nil {
		return err
	}
	parent := file.root
	if name, field, ok := splitRemoteKey(key); ok {
		parent = mappingUnder(mappingUnder(parent, remotesKey), name)
		key = field.key
	}
	setPair(parent, key, node)
	data, err := file.encode()
	if err != nil {
		return err
	}
	if err := checkUserFile(path, data); err != nil {
		return err
	}
	return file.write(data)
}

// Unset removes one setting from the file at path, also a key that should not
// be there, or all of remotes.NAME. With its last field a remote goes too.
// A key that the file does not have is an *Error, and so is a removal that
// breaks a file which was good.
func Unset(path, key string) error {
	file, err := openEdit(path)
	if err != nil {
		return err
	}
	before := checkUserFile(path, file.old)
	if !file.remove(key) {
		return &Error{Source: path, Key: key, Reason: "is not set in this file"}
	}
	data, err := file.encode()
	if err != nil {
		return err
	}
	if err := checkUserFile(path, data); err != nil && before == nil {
		return err
	}
	return file.write(data)
}

// newValue checks a value and makes the YAML for it.
func newValue(path, key, value string) (*yaml.Node, error) {
	s, ok := findSetting(key)
	k := s.kind
	if name, field, inRemote := splitRemoteKey(key); inRemote {
		if err := checkName(name); err != nil {
			return nil, &Error{Source: path, Key: key, Reason: err.Error()}
		}
		k = field.kind
	} else if !ok {
		return nil, unknownKey(path, key)
	}
	parsed, err := k.parse(value)
	if err != nil {
		return nil, &Error{Source: path, Key: key, Reason: err.Error()}
	}
	if list, ok := parsed.([]string); ok {
		return listNode(list), nil
	}
	tag := k.tags[0]
	if _, err := strconv.Atoi(value); err == nil && slices.Contains(k.tags, "!!int") {
		// Plain bytes, or a wait of 0, need no quotes.
		tag = "!!int"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}, nil
}

// checkUserFile says whether Load would take these bytes as the user's file.
func checkUserFile(path string, data []byte) error {
	l, err := parseUserFile(path, data)
	if err != nil {
		return err
	}
	m, err := merge(environment{}, l)
	if err != nil {
		return err
	}
	_, err = m.config()
	return err
}

// edit is a config file being changed.
type edit struct {
	path      string
	old       []byte
	doc, root *yaml.Node
}

// openEdit reads the file; one that is missing or empty begins as no keys.
func openEdit(path string) (*edit, error) {
	old, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(path, "", err)
	}
	doc, root, err := parseYAML(path, markBlankLines(old))
	if err != nil {
		return nil, err
	}
	if root == nil {
		root = &yaml.Node{Kind: yaml.MappingNode}
		// What is in a file without content is comments.
		doc = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}, HeadComment: comments(markBlankLines(old))}
	}
	if len(root.Content) == 0 {
		// After an empty {} all that is added would go between its braces.
		root.Style = 0
	}
	return &edit{path: path, old: old, doc: doc, root: root}, nil
}

func (e *edit) encode() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(e.doc), encoder.Close()); err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", e.path, err)
	}
	return replaceLines(out.Bytes(), blankLine, ""), nil
}

func (e *edit) write(data []byte) error {
	perm := os.FileMode(0o600)
	info, err := os.Stat(e.path)
	if err == nil {
		perm = info.Mode().Perm()
	} else if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		return fmt.Errorf("cannot create the config directory: %w", err)
	}
	if err := atomicfile.Write(e.path, data, perm); err != nil {
		return err
	}
	if info == nil {
		return nil
	}
	// The umask may have taken bits that the file had.
	return os.Chmod(e.path, perm)
}

// pairIndex is where key stands in a mapping's Content, -1 for nowhere.
func pairIndex(mapping *yaml.Node, key string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// setPair gives key this value in a mapping, with the comments that the old
// value had, at the end if it is new.
func setPair(mapping *yaml.Node, key string, value *yaml.Node) {
	i := pairIndex(mapping, key)
	if i < 0 {
		name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
		mapping.Content = append(mapping.Content, name, value)
		return
	}
	old := mapping.Content[i+1]
	value.HeadComment, value.LineComment, value.FootComment = old.HeadComment, old.LineComment, old.FootComment
	mapping.Content[i+1] = value
}

// mappingUnder gives the mapping at key, made if there is none yet.
func mappingUnder(parent *yaml.Node, key string) *yaml.Node {
	i := pairIndex(parent, key)
	if i >= 0 && parent.Content[i+1].Kind == yaml.MappingNode && len(parent.Content[i+1].Content) > 0 {
		return parent.Content[i+1]
	}
	made := &yaml.Node{Kind: yaml.MappingNode}
	setPair(parent, key, made)
	return made
}

// remove takes a flat key out, and says whether it was there.
func (e *edit) remove(key string) bool {
	if removePath(e.root, key) {
		return true
	}
	rest, ok := strings.CutPrefix(key, remotesKey+".")
	dot := strings.LastIndexByte(rest, '.')
	return ok && (removePath(e.root, remotesKey, rest) || dot >= 0 && removePath(e.root, remotesKey, rest[:dot], rest[dot+1:]))
}

// removePath takes out what is under these keys, and the mappings that are empty
// without it.
func removePath(mapping *yaml.Node, keys ...string) bool {
	i := pairIndex(mapping, keys[0])
	if i < 0 || len(keys) > 1 && !removePath(mapping.Content[i+1], keys[1:]...) {
		return false
	}
	if len(keys) == 1 || len(mapping.Content[i+1].Content) == 0 {
		mapping.Content = slices.Delete(mapping.Content, i, i+2)
	}
	return true
}

// blankLine stands for an empty line while a file is edited: the YAML library
// keeps comments but drops empty lines. Values have one line, so that none
// holds an empty one.
const blankLine = "#~engram-sync:blank~"

func markBlankLines(data []byte) []byte { return replaceLines(data, "", blankLine) }

// replaceLines puts one line in the place of another, whatever blanks are around that.
func replaceLines(data []byte, old, line string) []byte {
	var out bytes.Buffer
	for at := range bytes.Lines(data) {
		if string(bytes.TrimSpace(at)) == old {
			at = []byte(line + "\n")
		}
		out.Write(at)
	}
	return out.Bytes()
}

// comments are the lines of a file that holds nothing else.
func comments(data []byte) string {
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
