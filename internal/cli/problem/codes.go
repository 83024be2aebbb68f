package problem

import (
	"fmt"
	"slices"
	"strings"
)

// The exit codes, for scripts to act on.
const (
	OK          = 0
	Failed      = 1
	Usage       = 2
	Partial     = 3
	Auth        = 4
	Unavailable = 5
	Refused     = 6
	Damaged     = 7
	Unknown     = 8
	Different   = 10
	Locked      = 11
	Interrupted = 130
	Terminated  = 143
)

// Codes are what the exit codes mean: help texts and docs are made from it.
var Codes = []struct {
	Code          int
	Kind, Meaning string
}{
	{OK, "ok", "done, or nothing to do"},
	{Failed, "failed", "unexpected failure"},
	{Usage, "usage", "usage or configuration"},
	{Partial, "partial", "partial: some items moved, some failed (both listed)"},
	{Auth, "auth", "not authenticated"},
	{Unavailable, "unavailable", "remote unreachable or overloaded; the same command may work later"},
	{Refused, "refused", "refused by the server; retrying will not help"},
	{Damaged, "damaged", "data damaged: hash mismatch, truncated file, malformed manifest"},
	{Unknown, "unknown", "outcome unknown: the request may or may not have been applied"},
	{Different, "different", "there are differences (only with --exit-code)"},
	{Locked, "locked", "another engram-sync holds the lock on this directory or journal"},
	{Interrupted, "interrupted", "interrupted by SIGINT"},
	{Terminated, "terminated", "interrupted by SIGTERM"},
}

// Kind is the word for a code, as JSON output has it.
func Kind(code int) string {
	for _, c := range Codes {
		if c.Code == code {
			return c.Kind
		}
	}
	return "failed"
}

// Sets of codes that kinds of commands can return, for their help.
var (
	Local    = []int{OK, Failed, Usage}
	SignIn   = []int{OK, Failed, Usage, Auth, Unavailable, Refused, Interrupted, Terminated}
	Remote   = []int{OK, Failed, Usage, Auth, Unavailable, Refused, Damaged, Interrupted, Terminated}
	Transfer = append(slices.Clip(Remote), Partial, Unknown, Different, Locked)
)

// Help ends a help text with the codes that the command can return: those of a
// kind of commands, and more.
func Help(long string, kind []int, more ...int) string {
	var b strings.Builder
	b.WriteString(long + "\n\nExit codes:\n\n") // indented by four, it is a list in Markdown too
	for _, c := range Codes {
		if slices.Contains(kind, c.Code) || slices.Contains(more, c.Code) {
			fmt.Fprintf(&b, "    %3d  %s\n", c.Code, c.Meaning)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
