package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"go.yaml.in/yaml/v3"

	"github.com/engram-sync/engram-sync/internal/secret"
)

const (
	maxTextBytes = 4096
	maxDuration  = 24 * time.Hour
	maxSize      = 1 << 40
)

// parseText takes one line of text. It never repeats the text in an error: a
// URL may hold a password.
func parseText(text string) (any, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("is empty; give it a value, or leave it out")
	case len(text) > maxTextBytes:
		return nil, fmt.Errorf("is longer than %d bytes", maxTextBytes)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return nil, errors.New("holds control characters, or is not UTF-8")
	}
	return text, nil
}

// parseHeartbeatURL does not repeat the text, since it is as good as a token.
func parseHeartbeatURL(text string) (any, error) {
	value, err := parseText(text)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" {
		return nil, errors.New("is not a URL such as https://monitor.example.com/KEY")
	}
	return value, nil
}

// showHeartbeatURL tells the host, and nothing of what may be the key: one can be too short to be known for a secret.
func showHeartbeatURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || text == "" {
		return "" // it is none
	}
	return u.Scheme + "://" + u.Host + "/" + secret.Mark
}

// parseStore does not repeat the text either: somebody may take the key for
// the place of a credential.
func parseStore(text string) (any, error) {
	if text != "keyring" && text != "file" {
		return nil, errors.New("is neither keyring nor file")
	}
	return text, nil
}

// number is a whole one.
func number(low, high int) kind {
	return kind{tags: []string{"!!int"}, parse: func(text string) (any, error) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%.40q is not a whole number", text)
		}
		if n < low || n > high {
			return nil, fmt.Errorf("%d is not between %d and %d", n, low, high)
		}
		return n, nil
	}}
}

// duration has a unit, except for 0.
func duration(low time.Duration) kind {
	return kind{tags: []string{"!!str", "!!int"}, parse: func(text string) (any, error) {
		if n, err := strconv.Atoi(text); err == nil && n != 0 {
			return nil, fmt.Errorf("%.40q has no unit; write 30s or 5m, for example", text)
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("%.40q is not a duration such as 30s or 5m", text)
		}
		if d < low || d > maxDuration {
			return nil, fmt.Errorf("%.40q is not between %v and %v", text, low, maxDuration)
		}
		return d, nil
	}}
}

// ParseSize is how sizes are written in settings, also for flags that are none.
func ParseSize(text string) (int64, error) {
	size, err := parseSize(text)
	n, _ := size.(int64) // or there is an error
	return n, err
}

// parseSize takes bytes, or 1GB (powers of 1000), or 512MiB (powers of 1024).
func parseSize(text string) (any, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil {
		return nil, fmt.Errorf("%.40q is not a size such as 512MiB, 1GB or 1048576", text)
	}
	if n < 1 || n > maxSize {
		return nil, fmt.Errorf("%.40q is not between 1 byte and 1TiB", text)
	}
	return int64(n), nil
}

// parsePace takes what goes in a second at most, as parseSize does, or 0.
func parsePace(text string) (any, error) {
	if text == "0" {
		return int64(0), nil
	}
	return parseSize(text)
}

// parseWords takes words with commas between them.
func parseWords(text string) (any, error) {
	words := strings.Split(strings.ToLower(text), ",")
	for i, word := range words {
		if words[i] = strings.TrimSpace(word); words[i] == "" {
			return nil, errors.New("is not a list of words such as decision,bugfix")
		}
	}
	return strings.Join(words, ","), nil
}

// formatSize is exact, unlike what humanize prints.
func formatSize(n int64) string {
	units := []string{"", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; i < len(units)-1 && n >= 1024 && n%1024 == 0; i++ {
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + units[i]
}

func parseBool(text string) (any, error) {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return nil, fmt.Errorf("%.40q is neither true nor false", text)
	}
	return b, nil
}

// choice is one of a few words.
func choice(allowed ...string) kind {
	return kind{tags: []string{"!!str"}, choices: allowed, parse: func(text string) (any, error) {
		if !slices.Contains(allowed, text) {
			return nil, fmt.Errorf("%.40q is none of %s", text, strings.Join(allowed, ", "))
		}
		return text, nil
	}}
}

// kind is what the values of a key are, and how they are read.
type kind struct {
	// tags are the YAML types that a value in a file may have.
	tags []string
	// parse reads the text of a value. Its errors are reasons.
	parse func(text string) (any, error)
	// choices are all values that there are; nil where nobody can list them.
	choices []string
	// path: a relative one is meant from the file that it stands in.
	path bool
}

var (
	plainText = kind{tags: []string{"!!str"}, parse: parseText}
	remoteURL = kind{tags: []string{"!!str"}, parse: parseRemoteURL}
	// heartbeatURL is no remote: it may have a query.
	heartbeatURL = kind{tags: []string{"!!str"}, parse: parseHeartbeatURL}
	filePath     = kind{tags: []string{"!!str"}, parse: parsePath, path: true}
	store        = kind{tags: []string{"!!str"}, parse: parseStore, choices: []string{"keyring", "file"}}
	boolean      = kind{tags: []string{"!!bool"}, parse: parseBool, choices: []string{"true", "false"}}
	// Plain bytes are a size.
	size     = kind{tags: []string{"!!str", "!!int"}, parse: parseSize}
	pace     = kind{tags: []string{"!!str", "!!int"}, parse: parsePace}
	wordList = kind{tags: []string{"!!str"}, parse: parseWords}
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
