package config

import (
	"bytes"
	"strings"
)

// blankLine stands for an empty line while a file is edited: the YAML library
// keeps comments but drops empty lines. Values have one line, so that none
// holds an empty one.
const blankLine = "#~engram-sync:blank~"

func markBlankLines(data []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) == 0 {
			line = []byte(blankLine + "\n")
		}
		out.Write(line)
	}
	return out.Bytes()
}

func restoreBlankLines(data []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		if string(bytes.TrimSpace(line)) == blankLine {
			line = []byte("\n")
		}
		out.Write(line)
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
