// Package pages holds the pages of docs to their word: it finds the code blocks of a page, runs those that are commands, and
// compares what happens with what the page shows. Only tests import it.
package pages

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Block is a fenced block of a page, and what the page says to the test about it.
type Block struct {
	Page string
	Line int    // of the fence, from 1
	Lang string // of the fence, "" for none
	Text string
	Note Note
}

// Note is what an HTML comment before a block says: <!-- test: ... -->, one word a line.
//
//	skip: REASON      it cannot be run here
//	needs: PROGRAM    it is skipped where that is not installed
//	serve             the command goes on: the test waits until it listens
//	type: TEXT        what a person types at the next question, so that the commands run at a terminal
//	exit: CODE        what the last command ends with, where that is not plain from an "error: " that it shows
//	$ COMMAND         runs before the block
type Note struct {
	Skip, Needs string
	Serve       bool
	Type        []string
	Exit        int // -1 where nothing is said
	Before      string
}

func (b Block) where() string { return fmt.Sprintf("%s:%d", b.Page, b.Line) }

var (
	fence   = regexp.MustCompile("^( *)(```+)([^`]*)$")
	comment = regexp.MustCompile(`^ *<!-- test:(.*)$`)
)

// Blocks are the fenced blocks of a page, in order. It is an error if a fence is not closed, or a note says what
// nobody understands, or stands before no block.
func Blocks(page, text string) ([]Block, error) {
	var blocks []Block
	lines := strings.Split(text, "\n")
	note := Note{Exit: -1}
	noted := 0 // the line of a note that waits for its block
	for i := 0; i < len(lines); i++ {
		if found := comment.FindStringSubmatch(lines[i]); found != nil {
			said := found[1]
			noted = i + 1
			for !strings.Contains(said, "-->") {
				if i++; i == len(lines) {
					return nil, fmt.Errorf("%s:%d: the comment is not closed", page, noted)
				}
				said += "\n" + lines[i]
			}
			var err error
			if note, err = parseNote(strings.TrimSuffix(strings.TrimSpace(said), "-->")); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", page, noted, err)
			}
			continue
		}
		opened := fence.FindStringSubmatch(lines[i])
		if opened == nil {
			if noted > 0 && strings.TrimSpace(lines[i]) != "" {
				return nil, fmt.Errorf("%s:%d: the note stands before no block", page, noted)
			}
			continue
		}
		b := Block{Page: page, Line: i + 1, Lang: strings.TrimSpace(opened[3]), Note: note}
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != opened[2]; i++ {
			b.Text += strings.TrimPrefix(lines[i], opened[1]) + "\n"
		}
		if i == len(lines) {
			return nil, fmt.Errorf("%s: the block is not closed", b.where())
		}
		blocks = append(blocks, b)
		note, noted = Note{Exit: -1}, 0
	}
	if noted > 0 {
		return nil, fmt.Errorf("%s:%d: the note stands before no block", page, noted)
	}
	return blocks, nil
}

func parseNote(text string) (Note, error) {
	n := Note{Exit: -1}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch word {
		case "":
		case "skip:":
			n.Skip = rest
		case "needs:":
			n.Needs = rest
		case "serve":
			n.Serve = true
		case "type:":
			n.Type = append(n.Type, rest)
		case "exit:":
			code, err := strconv.Atoi(rest)
			if err != nil {
				return n, fmt.Errorf("exit: %w", err)
			}
			n.Exit = code
		case "$":
			n.Before += rest + "\n"
		default:
			return n, fmt.Errorf("no word of a note: %q", line)
		}
		if strings.HasSuffix(word, ":") && word != "type:" && rest == "" {
			return n, fmt.Errorf("%s says nothing: give a reason", word)
		}
	}
	return n, nil
}

// step is one command of a console block, and the lines that the page shows of it.
type step struct {
	line    int
	command string
	shown   []string
}

// steps takes a console block apart: a line with "$ " is a command, one that ends with a backslash goes on in
// the next, and what follows is what the terminal shows.
func steps(b Block) ([]step, error) {
	var all []step
	goesOn := false
	for i, line := range strings.Split(strings.TrimSuffix(b.Text, "\n"), "\n") {
		command, ok := strings.CutPrefix(line, "$ ")
		switch {
		case goesOn:
			all[len(all)-1].command += "\n" + line
		case ok:
			all = append(all, step{line: b.Line + 1 + i, command: command})
		case len(all) == 0:
			return nil, fmt.Errorf("%s: a console block begins with `$ `", b.where())
		default:
			all[len(all)-1].shown = append(all[len(all)-1].shown, line)
		}
		goesOn = strings.HasSuffix(line, `\`) && (ok || goesOn)
	}
	return all, nil
}
