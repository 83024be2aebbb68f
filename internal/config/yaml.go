package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxKeyBytes is more than any key needs.
const maxKeyBytes = 128

// parseYAML gives the top-level mapping of one YAML document, nil if the
// document is empty, and the document around it.
func parseYAML(source string, data []byte) (doc, root *yaml.Node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	doc = &yaml.Node{}
	if err := decoder.Decode(doc); errors.Is(err, io.EOF) {
		return doc, nil, nil
	} else if err != nil {
		return nil, nil, yamlError(source, err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, nil, &Error{Source: source, Reason: "holds more than one YAML document"}
	} else if !errors.Is(err, io.EOF) {
		return nil, nil, yamlError(source, err)
	}
	root = doc.Content[0]
	if root.ShortTag() == "!!null" {
		return doc, nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, nil, &Error{Source: source, Reason: "is not a list of `key: value` lines"}
	}
	return doc, root, nil
}

// yamlError keeps the parser's words, except where it quotes the file: a
// password that begins with * is an unknown alias to it.
func yamlError(source string, err error) error {
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: ")
	switch {
	case strings.Contains(text, "anchor"):
		text = "aliases are not known here; put a value that begins with * in quotes"
	case strings.Contains(text, "`"):
		text = "a value does not fit its tag"
	}
	return &Error{Source: source, Reason: "is not valid YAML: " + text}
}

// eachSetting calls fn for each top-level key of a file, in order.
func eachSetting(source string, data []byte, fn func(key string, node *yaml.Node) error) error {
	_, root, err := parseYAML(source, data)
	if err != nil || root == nil {
		return err
	}
	return eachPair(source, "", root, fn)
}

// eachPair calls fn for each key of a mapping, in order. Keys are plain text
// and stand once; nothing is an alias, so a small file stays small. under is
// the flat key of the mapping. A mapping whose content was deleted is empty.
func eachPair(source, under string, node *yaml.Node, fn func(key string, node *yaml.Node) error) error {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return &Error{Source: source, Key: under, Reason: "must be a list of `key: value` lines below it"}
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if !isPlainKey(key) || value.Kind == yaml.AliasNode {
			return &Error{Source: source, Key: under,
				Reason: fmt.Sprintf("line %d: keys are plain words here, and aliases and merges are not known", key.Line)}
		}
		if seen[key.Value] {
			return &Error{Source: source, Key: flatKey(under, key.Value), Reason: "is there twice"}
		}
		seen[key.Value] = true
		if err := fn(key.Value, value); err != nil {
			return err
		}
	}
	return nil
}

// isPlainKey: keys get into messages, which have one line.
func isPlainKey(key *yaml.Node) bool {
	_, err := parseText(key.Value)
	return key.Kind == yaml.ScalarNode && key.ShortTag() != "!!merge" && len(key.Value) <= maxKeyBytes && err == nil
}

func flatKey(under, key string) string {
	if under == "" {
		return key
	}
	return under + "." + key
}
