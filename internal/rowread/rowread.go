// Package rowread reads a row of a chunk as engram itself does, with Go's decoder, and much faster where it is written
// as nearly all are. Whoever looks into many rows calls it.
package rowread

import (
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// ReadSession reads a row of "sessions" as Go's decoder does, with which engram reads: the text has to be JSON.
func ReadSession(row []byte) (engram.Session, error) {
	var s engram.Session
	known := readPlain(row, func(name []byte) any {
		switch string(name) {
		case "id":
			return &s.ID
		case "project":
			return &s.Project
		case "ownership_mode":
			return &s.OwnershipMode
		case "directory":
			return &s.Directory
		case "started_at":
			return &s.StartedAt
		case "ended_at":
			return &s.EndedAt
		case "summary":
			return &s.Summary
		}
		return nil
	})
	return decoded(row, s, known)
}

// ReadObservation is ReadSession for a row of "observations".
func ReadObservation(row []byte) (engram.Observation, error) {
	var o engram.Observation
	known := readPlain(row, func(name []byte) any {
		switch string(name) {
		case "id":
			return &o.ID
		case "sync_id":
			return &o.SyncID
		case "session_id":
			return &o.SessionID
		case "type":
			return &o.Type
		case "title":
			return &o.Title
		case "content":
			return &o.Content
		case "scope":
			return &o.Scope
		case "revision_count":
			return &o.RevisionCount
		case "duplicate_count":
			return &o.DuplicateCount
		case "created_at":
			return &o.CreatedAt
		case "updated_at":
			return &o.UpdatedAt
		}
		return given(&o, name)
	})
	return decoded(row, o, known)
}

// given are the members that an observation may have.
func given(o *engram.Observation, name []byte) any {
	switch string(name) {
	case "tool_name":
		return &o.ToolName
	case "project":
		return &o.Project
	case "topic_key":
		return &o.TopicKey
	case "last_seen_at":
		return &o.LastSeenAt
	case "review_after":
		return &o.ReviewAfter
	case "deleted_at":
		return &o.DeletedAt
	}
	return nil
}

// ReadPrompt is ReadSession for a row of "prompts".
func ReadPrompt(row []byte) (engram.Prompt, error) {
	var p engram.Prompt
	known := readPlain(row, func(name []byte) any {
		switch string(name) {
		case "source_inbox_id":
			return &p.SourceInboxID
		case "id":
			return &p.ID
		case "sync_id":
			return &p.SyncID
		case "session_id":
			return &p.SessionID
		case "content":
			return &p.Content
		case "project":
			return &p.Project
		case "created_at":
			return &p.CreatedAt
		}
		return nil
	})
	return decoded(row, p, known)
}

// decoded gives what was read of a row, if that was all of it: else Go's decoder says what
// it holds.
func decoded[T any](row []byte, read T, all bool) (T, error) {
	if all {
		return read, nil
	}
	read = *new(T)
	err := json.Unmarshal(row, &read)
	return read, err
}

// readPlain reads a row of which each member is in the type and the spelling that engram
// writes, as nearly all are, or one that nobody knows. Otherwise it is false.
func readPlain(row []byte, member func(name []byte) any) bool {
	return jsonscan.Fields(row, func(name, value []byte) bool {
		switch to := member(name).(type) {
		case *string:
			return string(value) == "null" || readText(value, to)
		case **string:
			if *to = nil; string(value) == "null" {
				return true
			}
			*to = new(string)
			return readText(value, *to)
		case *int64:
			n, ok := jsonscan.IsInteger(value)
			*to = n
			return ok
		}
		return jsonscan.IsExact(name)
	})
}

func readText(value []byte, to *string) bool {
	if value[0] != '"' {
		return false
	}
	inner := value[1 : len(value)-1]
	if jsonscan.IsPlain(inner) {
		*to = string(inner)
		return true
	}
	text, ok := jsonscan.AppendText(make([]byte, 0, len(inner)), inner)
	*to = string(text)
	return ok
}
