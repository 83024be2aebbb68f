package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// refusal reads an answer other than 200 to a batch.
func (b *batch) refusal(client *httplayer.Client, call *httplayer.Call, resp *http.Response) error {
	status := call.Refused(resp)
	body := status.Body()
	switch project, paused := pausedProject(status, body); {
	case status.Status == http.StatusRequestEntityTooLarge:
		return &engram.BatchTooLargeError{Limit: NamedLimit(body), Rows: b.rows, Stranger: status.Stranger(), Err: status}
	case paused && secret.Redact(project) == project:
		return &engram.PausedError{Project: project, Err: status}
	case status.CutShort(), status.AccountGone():
	case listsRows(status, body):
		status.Class = httplayer.ErrRefused
		return &engram.ContentError{Err: status, Invalid: invalidRows(body, b.rows)}
	case aboutARow(status):
		status.Class = httplayer.ErrRefused
		return &engram.ContentError{Err: status}
	}
	return explainMissing(client, status)
}

// invalidList is what project servers say of the rows of a batch, one entry each. Which
// code comes with it depends on the release. Source: project-server.md 4.1,
// engram-2.md 4.5, 10.
type invalidList struct {
	ReasonCode string `json:"reason_code"`
	Invalid    *[]struct {
		Index *int   `json:"index"`
		Field string `json:"field"`
	} `json:"invalid"`
}

// listsRows says whether a refusal is the server's own list of rows that it does not take.
// No gateway knows rows, or has a reason code for them.
func listsRows(status *httplayer.StatusError, body []byte) bool {
	var answer invalidList
	return status.Status == http.StatusBadRequest && status.Final && json.Unmarshal(body, &answer) == nil && answer.Invalid != nil &&
		(answer.ReasonCode != "" && !status.ToAll || !status.Stranger())
}

// invalidRows are those of the list that are rows of the batch.
func invalidRows(body []byte, rows int) map[int]string {
	var answer invalidList
	_ = json.Unmarshal(body, &answer) // it is one
	invalid := map[int]string{}
	for _, row := range *answer.Invalid {
		if row.Index == nil || *row.Index < 0 || *row.Index >= rows {
			continue
		}
		if _, twice := invalid[*row.Index]; !twice {
			invalid[*row.Index] = httplayer.Printable(row.Field)
		}
	}
	return invalid
}

// explainMissing explains the answer of a router that knows no path of the journal.
// Source: account-server.md 1.1; old servers have chunks only.
func explainMissing(client *httplayer.Client, err error) error {
	status, ok := errors.AsType[*httplayer.StatusError](err)
	if !ok || status.Final || status.Status != http.StatusNotFound && status.Status != http.StatusMethodNotAllowed {
		return err
	}
	return fmt.Errorf("%w (%s has no mutation journal: it is too old for one, or the URL is wrong)", status, client.URL())
}

// refusedRow finds the words of servers for a payload that they will never take.
// Source: account-server.md 4.1 and 10, project-server.md 4.1.
var refusedRow = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`decode project|canonicalize|materialize|cannot unmarshal|unsupported mutation`)
})

// aboutARow says whether a batch is refused for what a row in it says, by the server
// or by its database: classes 22 (data), 23 (constraints) and 54 (limits). A 400 counts only in the server's own words, and without a code, which is how
// project servers refuse whole requests.
func aboutARow(status *httplayer.StatusError) bool {
	switch status.Status {
	case http.StatusBadRequest:
		return status.Final && status.Code == "" && !status.Stranger()
	case http.StatusInternalServerError:
		return status.InState("22", "23", "54") || status.Says(refusedRow())
	}
	return false
}

var pausedWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)project sync paused: (.+)$|sync is paused for project "(.+)"`)
})

// pausedProject is the name of the project that is paused, as the server writes
// it: callers compare it with their own. On project servers only the text names it:
// the member project is that of the batch's first row. Source: account-server.md 4.5,
// project-server.md 4.3.
func pausedProject(status *httplayer.StatusError, body []byte) (name string, paused bool) {
	var answer struct {
		Error string `json:"error"`
	}
	if status.Status != http.StatusConflict || !status.Final || json.Unmarshal(body, &answer) != nil {
		return "", false
	}
	if m := pausedWords().FindStringSubmatch(answer.Error); m != nil {
		return m[1] + m[2], true
	}
	return "", false
}

var limitWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\bmax(?:imum)?:? (\d{1,12}) ?(?:bytes|([KMG])i?B)\b`)
})

// NamedLimit is the limit that a refusal names, in bytes; 0 if it names none.
// Source: account-server.md 1.3, project-server.md 1.
func NamedLimit(body []byte) int64 {
	m := limitWords().FindSubmatch(body)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	shift := map[string]int{"": 0, "K": 10, "M": 20, "G": 30}[string(bytes.ToUpper(m[2]))]
	if err != nil || n > math.MaxInt64>>shift {
		return 0
	}
	return n << shift
}
