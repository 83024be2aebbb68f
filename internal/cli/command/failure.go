package command

import (
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// FailedItem is what failed, in JSON mode.
type FailedItem struct {
	ID        string         `json:"id"`
	Direction work.Direction `json:"direction,omitempty"`
	problem.Judged
}

// FailedItems are never null.
func FailedItems(failed []work.Failure) []FailedItem {
	items := []FailedItem{}
	for _, f := range failed {
		items = append(items, FailedItem{f.ID, f.Direction, problem.Judge(f.Err)})
	}
	return items
}

// PrintFailure prints one failed item, and the next step, as one line.
func PrintFailure(term *terminal.Terminal, ws *workspace.Workspace, f work.Failure, next string) {
	id := IDText(f.ID)
	message := terminal.OneLine(f.Err.Error())
	switch {
	case strings.Contains(message, id):
	case problem.Is(f.Err, syncer.ErrForeign):
		message = id + ": " + message // it says itself that it is no chunk
	default:
		message = "chunk " + id + ": " + message
	}
	if f.Direction != "" && !strings.HasPrefix(message, string(f.Direction)) {
		message = string(f.Direction) + ": " + message
	}
	if next != "" {
		message += "; " + next
	}
	if term.Verbose {
		message += " [" + problem.Judge(f.Err).Class + "]"
	}
	term.ErrorAt(ws.PlaceOf(f.ID), message)
}

// FailedWords counts what failed, each chunk once: "2 chunks failed and 1 foreign entry".
func FailedWords(failed []work.Failure) string {
	chunks, left, foreign := map[string]bool{}, map[string]bool{}, 0
	for _, f := range failed {
		switch {
		case problem.Is(f.Err, syncer.ErrForeign):
			foreign++
		case IsLeft(f):
			left[f.ID] = true
		default:
			chunks[f.ID] = true
		}
	}
	var parts []string
	if len(left) > 0 {
		parts = append(parts, terminal.Count(len(left), "chunk")+" left")
	}
	if len(chunks) > 0 {
		parts = append(parts, terminal.Count(len(chunks), "chunk")+" failed")
	}
	if foreign > 0 {
		parts = append(parts, terminal.Count(foreign, "foreign entry"))
	}
	return strings.Join(parts, " and ")
}

// IsLeft says of a failure that a signal came before the item was moved, or tried, and
// that nothing else is wrong with it.
func IsLeft(f work.Failure) bool {
	return problem.As[*terminal.Interrupted](f.Err) && !problem.Is(f.Err, transport.ErrOutcomeUnknown)
}

// FailedNoun is what all of them are.
func FailedNoun(failed []work.Failure) string {
	if slices.ContainsFunc(failed, func(f work.Failure) bool { return problem.Is(f.Err, syncer.ErrForeign) }) {
		return "item"
	}
	return "chunk"
}

// IDText is an id, quoted if it is none: a stranger's text must not reach the
// terminal.
func IDText(id string) string {
	if _, err := engram.ParseChunkID(id); err != nil {
		return strconv.Quote(id)
	}
	return id
}

// Texts gives a text for each of a list; JSON has no null for none.
func Texts[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = text(one)
	}
	return out
}
