package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

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

// remove takes a flat key out, and the mappings that are empty without it. It
// says whether the key was there.
func (e *edit) remove(key string) bool {
	if removePair(e.root, key) {
		return true
	}
	rest, ok := strings.CutPrefix(key, remotesKey+".")
	i := pairIndex(e.root, remotesKey)
	if !ok || i < 0 {
		return false
	}
	remotes := e.root.Content[i+1]
	if !removePair(remotes, rest) && !removeField(remotes, rest) {
		return false
	}
	if len(remotes.Content) == 0 {
		removePair(e.root, remotesKey)
	}
	return true
}

// removeField takes NAME.field out of the mapping of remotes.
func removeField(remotes *yaml.Node, key string) bool {
	dot := strings.LastIndexByte(key, '.')
	if dot < 0 {
		return false
	}
	i := pairIndex(remotes, key[:dot])
	if i < 0 || !removePair(remotes.Content[i+1], key[dot+1:]) {
		return false
	}
	if len(remotes.Content[i+1].Content) == 0 {
		removePair(remotes, key[:dot])
	}
	return true
}

func removePair(mapping *yaml.Node, key string) bool {
	i := pairIndex(mapping, key)
	if i < 0 {
		return false
	}
	mapping.Content = slices.Delete(mapping.Content, i, i+2)
	return true
}
