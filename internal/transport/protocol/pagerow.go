package protocol

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// rowMembers are the members of a row that count. Others are passed on.
var rowMembers = []string{"seq", "user_id", "project", "entity", "entity_key", "op", "payload", "occurred_at"}

// Places in rowMembers.
const (
	rowSeq = iota
	rowUserID
	rowProject
	rowEntity
	rowEntityKey
	rowOp
	rowPayload
	rowOccurredAt
)

// mandatory are the members that a row needs. A payload is not one of them:
// where it is absent it is null.
const mandatory = 1<<rowSeq | 1<<rowEntity | 1<<rowEntityKey | 1<<rowOp

// value takes over a member of the row at hand.
func (p *pageParser) value(text []byte) (err error) {
	switch p.field {
	case rowSeq:
		if p.row.Seq, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			p.row.Seq = -1 // which is above no row
		}
		return err
	case rowPayload:
		p.row.Payload = text
		return nil
	}
	to, last := textOf(&p.row, p.field), *textOf(&p.last, p.field)
	if *to, err = p.str(text, last); err != nil {
		return err
	}
	if p.field == rowOccurredAt && *to != last && *to != "" {
		if _, err := time.Parse(time.RFC3339, *to); err != nil {
			return errors.New("not an RFC 3339 time")
		}
	}
	return nil
}

// textOf is where a row keeps a member that is a string.
func textOf(row *engram.PullMutationResult, field int) *string {
	return [...]*string{
		rowUserID: &row.UserID, rowProject: &row.Project, rowEntity: &row.Entity, rowEntityKey: &row.EntityKey,
		rowOp: &row.Op, rowOccurredAt: &row.OccurredAt,
	}[field]
}

// str is the string that a text is; null is "" where the member may be absent.
// like is what it is likely to be.
func (p *pageParser) str(text []byte, like string) (string, error) {
	if p.kind == jsonscan.Null && mandatory&(1<<p.field) == 0 {
		return "", nil
	}
	if p.kind != jsonscan.String {
		return "", errors.New("not a string")
	}
	inner := text[1 : len(text)-1]
	if string(inner) == like {
		return like, nil
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var s string
	err := json.Unmarshal(text, &s)
	return s, err
}

// endRow takes a row over. One that is odd keeps its place, and nothing else: no row
// stops those behind it, as long as it has a number.
func (p *pageParser) endRow() error {
	switch {
	case p.row.Seq <= p.last.Seq:
		return p.brokenRow(fmt.Errorf("its seq is not a whole number above %d", p.last.Seq))
	case len(p.page.Mutations) == maxPageRows:
		return p.brokenRow(errors.New("more rows than a page can have"))
	case !utf8.Valid(p.text[p.rowAt:p.at]):
		p.oddRow(errors.New("not valid UTF-8"))
	case p.metRow&mandatory != mandatory:
		p.oddRow(errors.New("one of entity, entity_key and op is missing"))
	}
	if p.odd != nil {
		p.row = engram.PullMutationResult{Seq: p.row.Seq, Odd: httplayer.Printable(p.odd.Error())}
	}
	if p.row.Payload == nil {
		p.row.Payload = json.RawMessage("null")
	}
	if extra := string(p.extra); p.odd == nil && extra != "" && readable(extra) {
		p.row.Extra = extra
	}
	p.last = p.row
	p.page.Mutations = append(p.page.Mutations, p.row)
	return nil
}

func (p *pageParser) oddRow(err error) { p.odd = cmp.Or(p.odd, err) }

// readable says whether a line with these members can be read again: a hostile server
// must not spoil a file of them.
func readable(extra string) bool {
	_, err := engram.ParseMutation([]byte(`{"entity":"","entity_key":"","op":"","payload":null,` + extra + "}"))
	return err == nil
}

func (p *pageParser) brokenRow(err error) error {
	return brokenPage(fmt.Errorf("row %d: %w", len(p.page.Mutations)+1, err))
}
