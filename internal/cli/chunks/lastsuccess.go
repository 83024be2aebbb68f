package chunks

import (
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// lastSuccess says when a command last did all that it was to do with this remote and this directory.
type lastSuccess struct {
	At  time.Time `json:"at"`  // in UTC, whole seconds
	Age int64     `json:"age"` // in seconds
}

// successful are the commands that status knows it of; a sync counts as both of the first.
var successful = []string{"push", "pull", "mutations push", "mutations pull"}

// noteSuccess keeps that a round of a sync that stays has done all, as is kept of a run that ends.
func noteSuccess(ws *workspace.Workspace, place string) {
	remote, err := ws.RemoteLabel()
	for _, done := range []string{"pull", "push"} {
		if err == nil {
			err = state.NoteSuccess(ws.State(), remote, place, done, time.Now())
		}
	}
	if err != nil {
		ws.Log.Info("remember when this last succeeded", "error", err)
	}
}

// lastSuccesses gives what is known, by command; it is never nil.
func lastSuccesses(ws *workspace.Workspace) map[string]lastSuccess {
	known := map[string]lastSuccess{}
	remote, err := ws.RemoteLabel()
	if err != nil {
		return known // there is no remote
	}
	path, err := ws.Place()
	if err != nil {
		return known // no run succeeds here
	}
	for _, command := range successful {
		if at, ok := state.LastSuccess(ws.State(), remote, path, command); ok {
			known[command] = lastSuccess{at, int64(time.Since(at).Seconds())}
		}
	}
	return known
}

// lastSuccessText is for people: "push 3 hours ago, pull 2 days ago".
func lastSuccessText(known map[string]lastSuccess) string {
	var parts []string
	for _, command := range successful {
		if last, ok := known[command]; ok {
			ago := humanize.Time(last.At)
			if ago == "now" {
				ago = "just now"
			}
			parts = append(parts, command+" "+ago)
		}
	}
	return strings.Join(parts, ", ")
}
