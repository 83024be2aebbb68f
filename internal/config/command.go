package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const maxCommandWords = 32

// parseCommand takes a command as a JSON array: [program, argument...]. No
// error of a command repeats it, since a secret may stand in it.
func parseCommand(text string) (any, error) {
	var words []string
	if err := json.Unmarshal([]byte(text), &words); err != nil || !utf8.ValidString(text) {
		return nil, errors.New(`is not a JSON array of strings such as '["pass","show","engram"]'; ` +
			"no shell takes it apart")
	}
	return words, checkCommand(words)
}

// readCommand takes a command as a list in the config file called source.
func readCommand(node *yaml.Node, source string) ([]string, error) {
	if node.ShortTag() == "!!null" {
		return nil, errors.New("has no value; give it one, or remove the line")
	}
	if node.Kind != yaml.SequenceNode {
		return nil, errors.New("must be a list, since no shell takes it apart; write " +
			"token_command: [pass, show, engram], for example")
	}
	var words []string
	for i, word := range node.Content {
		if word.Kind != yaml.ScalarNode || word.ShortTag() != "!!str" {
			return nil, fmt.Errorf("element %d must be text; put it in quotes", i+1)
		}
		words = append(words, word.Value)
	}
	if err := checkCommand(words); err != nil {
		return nil, err
	}
	if filepath.Base(words[0]) == words[0] {
		// To be found in PATH.
		return words, nil
	}
	// Wherever engram-sync runs: a repository must not be able to bring its
	// own ./program.
	program, err := besideFile(source, words[0])
	words[0] = program
	return words, err
}

func checkCommand(words []string) error {
	if len(words) < 1 || len(words) > maxCommandWords {
		return fmt.Errorf("has %d elements; it needs a program, and takes up to %d elements", len(words), maxCommandWords)
	}
	for i, word := range words {
		if err := checkWord(word); err != nil {
			return fmt.Errorf("element %d %w", i+1, err)
		}
	}
	if _, err := parsePath(words[0]); err != nil {
		return fmt.Errorf("element 1 %w", err)
	}
	return nil
}

// checkWord allows what an argument of a process can be, on one line: blanks,
// unlike in other text. What needs more lines is a script of its own.
func checkWord(word string) error {
	switch {
	case word == "":
		return errors.New("is empty")
	case len(word) > maxTextBytes:
		return fmt.Errorf("is longer than %d bytes", maxTextBytes)
	}
	for _, r := range word {
		if unicode.IsControl(r) {
			return errors.New("holds control characters; put such a command into a script")
		}
	}
	return nil
}

// showCommand is the JSON that parseCommand takes, "" for no command.
func showCommand(words []string) string {
	if len(words) == 0 {
		return ""
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(words); err != nil {
		// Strings can always be encoded.
		panic(err)
	}
	return string(bytes.TrimSpace(out.Bytes()))
}

// listNode is a command as Set writes it.
func listNode(words []string) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, word := range words {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: word})
	}
	return list
}
