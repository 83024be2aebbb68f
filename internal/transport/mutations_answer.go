package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// batchAnswer is how a server says what it stored: account servers by the number
// of rows and the last of their numbers, project servers by all of these.
type batchAnswer struct {
	Accepted *int    `json:"accepted"`
	LastSeq  *int64  `json:"last_seq"`
	Seqs     []int64 `json:"accepted_seqs"`
}

// count makes of a project server's answer what an account server says. Its own
// members are those of the other kind, which says yes and stores nothing.
func (a *batchAnswer) count() {
	a.Accepted, a.LastSeq = nil, nil
	if n := len(a.Seqs); n > 0 {
		last := slices.Max(a.Seqs)
		a.Accepted, a.LastSeq = &n, &last
	}
}

// readBatchResult believes only the answer of a server that stored the whole
// batch. Others tell of another server than we think, or of one that read the
// batch as an empty one (project-server.md 5), and the journal has to be asked.
// Source: account-server.md 4.1.
func (t *RemoteTransport) readBatchResult(op string, b *batch, resp *http.Response) (PushMutationsResult, error) {
	var answer batchAnswer
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close() // its content is judged
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if b.project {
		if answer.Accepted != nil {
			t.forget() // an account server, which says yes to the other body, and stores nothing
		}
		answer.count()
	}
	complete := err == nil && answer.Accepted != nil && answer.LastSeq != nil
	switch {
	case err != nil:
		// The cause stands in the text.
	case !complete:
		err = errors.New("it does not say what was accepted")
	case *answer.Accepted != b.rows || *answer.LastSeq <= 0:
		err = fmt.Errorf("accepted %d of %d, last_seq %d", *answer.Accepted, b.rows, *answer.LastSeq)
	case !b.last.stop():
		err = errors.New("it came before all was sent")
	default:
		return PushMutationsResult{Accepted: *answer.Accepted, LastSeq: *answer.LastSeq}, nil
	}
	return PushMutationsResult{}, &engram.UncertainError{Done: complete, Err: fmt.Errorf(
		"%s: %w: it was sent, and the answer cannot be believed (%s)", op, ErrOutcomeUnknown, printable(err.Error()))}
}

// uncertain is the error for a batch that was sent whole and got no good answer.
// A server that answered in its own format is done with it: even its 503 can
// follow a commit whose connection was lost. Source: account-server.md 10, 1.1.
func uncertain(op string, cause error) error {
	var status *StatusError
	done := errors.As(cause, &status) && status.Final
	why := strings.TrimPrefix(reason(cause), op+": ")
	return &engram.UncertainError{Done: done, Err: fmt.Errorf(
		"%s: %w: it was sent, and no good answer came (%s)", op, ErrOutcomeUnknown, why)}
}

// refusal reads an answer other than 200 to a batch.
func (t *RemoteTransport) refusal(ctx context.Context, op string, b *batch, resp *http.Response) error {
	status, body := readStatus(ctx, op, resp)
	_ = resp.Body.Close()
	switch project, paused := pausedProject(status, body); {
	case status.Status == http.StatusRequestEntityTooLarge:
		limit := namedLimit(body)
		if b.project {
			t.learnLimit(limit)
		}
		return &engram.BatchTooLargeError{Limit: limit, Rows: b.rows, Err: status}
	case paused && !repeats(project, sentToken(resp)):
		return &engram.PausedError{Project: project, Err: status}
	case status.Code == CodeForbidden:
		status.Message += fmt.Sprintf(" (in the batch: %.100q)", b.named)
	case bytes.Contains(body, []byte(unknownAccount)):
		status.class = ErrRefused
	case status.Status == http.StatusBadRequest && bytes.Contains(body, []byte(cutShort)):
		status.class = ErrUnavailable
	case aboutARow(status, body):
		status.class = ErrRefused
		return &engram.ContentError{Err: status}
	}
	return t.noJournal(status)
}

// saysEmpty recognises a project server that found no rows in a batch that was
// meant for an account server: nothing was applied. Source: project-server.md 5.
func saysEmpty(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusBadRequest && status.Code == codeEmptyBatch
}

const (
	// unknownAccount is a broken foreign key. A row of the journal refers to its
	// account and to nothing else. Source: account-server.md 2.2.
	unknownAccount = "SQLSTATE 23503"
	// cutShort: something on the way lost the end of the request, and nothing
	// was stored. Source: account-server.md 10.3.
	cutShort = "failed to read body"
)

// refusedRow finds the words for a row that no server will ever take: the
// PostgreSQL classes 22 (data), 23 (constraints) and 54 (limits), and what the
// servers themselves say of payloads. Source: account-server.md 4.1 and 10,
// project-server.md 4.1.
var refusedRow = regexp.MustCompile(
	`SQLSTATE (22|23|54)|decode project|canonicalize|materialize|cannot unmarshal|unsupported mutation`)

// aboutARow says whether a batch is refused for what a row in it says. A 400
// counts only in the server's own format, and without a code, which is how
// project servers refuse whole requests.
func aboutARow(status *StatusError, body []byte) bool {
	switch status.Status {
	case http.StatusBadRequest:
		return status.Final && status.Code == ""
	case http.StatusInternalServerError:
		return refusedRow.Match(body)
	}
	return false
}

var pausedWords = regexp.MustCompile(`(?s)project sync paused: (.+)$|sync is paused for project "(.+)"`)

// pausedProject is the name of the project that is paused, as the server writes
// it: callers compare it with their own. On project servers only the text names it:
// the member project is that of the batch's first row. Source: account-server.md 4.5,
// project-server.md 4.3.
func pausedProject(status *StatusError, body []byte) (name string, paused bool) {
	var answer struct {
		Error string `json:"error"`
	}
	if status.Status != http.StatusConflict || !status.Final || json.Unmarshal(body, &answer) != nil {
		return "", false
	}
	if m := pausedWords.FindStringSubmatch(answer.Error); m != nil {
		return m[1] + m[2], true
	}
	return "", false
}

var limitWords = regexp.MustCompile(`(?i)\bmax(?:imum)?:? (\d{1,12}) ?(?:bytes|([KMG])i?B)\b`)

// namedLimit is the limit that a refusal names, in bytes; 0 if it names none.
// Source: account-server.md 1.3, project-server.md 1.
func namedLimit(body []byte) int64 {
	m := limitWords.FindSubmatch(body)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	shift := 0
	switch string(bytes.ToUpper(m[2])) {
	case "K":
		shift = 10
	case "M":
		shift = 20
	case "G":
		shift = 30
	}
	if err != nil || n > math.MaxInt64>>shift {
		return 0
	}
	return n << shift
}
