// Package actions is a double of the runner of GitHub Actions, as far as this repository needs one: it runs the steps
// of action.yml and of the workflows in the docs, and reads the commands in what they print.
package actions

import (
	"strings"
	"unicode"
)

// Command is a line by which a program talks to the runner.
type Command struct {
	Name       string
	Properties map[string]string
	Data       string
}

// registered are the commands that a runner obeys.
var registered = []string{
	"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher",
	"save-state", "set-env", "set-output", "stop-commands", "warning",
}

// Commands are those that a runner finds in what a program prints. A line is one if it begins with "::" behind
// blanks, or has "##[" anywhere: the older way, which is obeyed still.
func Commands(output string) []Command {
	var found []Command
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"); ok {
			if head, data, ok := strings.Cut(rest, "::"); ok {
				if c, ok := parse(head, ",", undoProperty); ok {
					c.Data = undoData.Replace(data)
					found = append(found, c)
					continue
				}
			}
		}
		if _, rest, ok := strings.Cut(line, "##["); ok {
			if head, data, ok := strings.Cut(rest, "]"); ok {
				if c, ok := parse(head, ";", undoOld); ok {
					c.Data = undoOld.Replace(data)
					found = append(found, c)
				}
			}
		}
	}
	return found
}

func parse(head, separator string, undo *strings.Replacer) (Command, bool) {
	name, properties, _ := strings.Cut(head, " ")
	c := Command{Name: strings.ToLower(name), Properties: map[string]string{}}
	for pair := range strings.SplitSeq(strings.TrimSpace(properties), separator) {
		if key, value, ok := strings.Cut(pair, "="); ok && value != "" {
			c.Properties[key] = undo.Replace(value)
		}
	}
	for _, known := range registered {
		if known == c.Name {
			return c, true
		}
	}
	return c, false
}

var (
	undoData     = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	undoProperty = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	undoOld      = strings.NewReplacer("%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%")
)
