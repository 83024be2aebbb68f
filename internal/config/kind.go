package config

import (
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"
)

// kind is what the values of a key are, and how they are read.
type kind struct {
	// tags are the YAML types that a value in a file may have.
	tags []string
	// parse reads the text of a value. Its errors are reasons.
	parse func(text string) (any, error)
	// path: a relative one is meant from the file that it stands in.
	path bool
}

var (
	plainText = kind{tags: []string{"!!str"}, parse: parseText}
	remoteURL = kind{tags: []string{"!!str"}, parse: parseRemoteURL}
	filePath  = kind{tags: []string{"!!str"}, parse: parsePath, path: true}
	store     = kind{tags: []string{"!!str"}, parse: parseStore}
	boolean   = kind{tags: []string{"!!bool"}, parse: parseBool}
	// Plain bytes are a size.
	size = kind{tags: []string{"!!str", "!!int"}, parse: parseSize}
	// command is the one kind that is no single value.
	command = kind{parse: parseCommand}
)

// read takes a value out of the config file called source.
func (k kind) read(node *yaml.Node, source string) (any, error) {
	if k.tags == nil {
		return readCommand(node, source)
	}
	if err := k.check(node); err != nil {
		return nil, err
	}
	value, err := k.parse(node.Value)
	if err != nil || !k.path {
		return value, err
	}
	return besideFile(source, node.Value)
}

// check refuses a value of the wrong YAML type, where parse would take its text.
func (k kind) check(node *yaml.Node) error {
	tag := node.ShortTag()
	switch {
	case node.Kind != yaml.ScalarNode:
		return errors.New("must be a single value")
	case tag == "!!null":
		return errors.New("has no value; give it one, or remove the line")
	case slices.Contains(k.tags, tag):
		return nil
	}
	if _, err := k.parse(node.Value); err != nil {
		return err
	}
	switch {
	case tag == "!!str":
		return errors.New("must be written without quotes")
	case slices.Contains(k.tags, "!!str"):
		return errors.New("must be text; put it in quotes")
	}
	return errors.New("has the wrong type")
}
