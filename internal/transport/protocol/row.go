package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// rowMembers are the members of a row that count. Others are passed over.
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
			return errors.New("not a whole number")
		}
		return nil
	case rowPayload:
		if p.kind != jsonscan.Object && p.kind != jsonscan.String && p.kind != jsonscan.Null {
			return errors.New("neither an object nor a string")
		}
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

func (p *pageParser) endRow() error {
	switch {
	case !utf8.Valid(p.text[p.rowAt:p.at]):
		return p.brokenRow(errors.New("not valid UTF-8"))
	case p.metRow&mandatory != mandatory:
		return p.brokenRow(errors.New("one of seq, entity, entity_key and op is missing"))
	case p.row.Seq <= p.last.Seq:
		return p.brokenRow(fmt.Errorf("seq %d comes after %d, and is not above it", p.row.Seq, p.last.Seq))
	case len(p.page.Mutations) == maxPageRows:
		return p.brokenRow(errors.New("more rows than a page can have"))
	}
	if p.row.Payload == nil {
		p.row.Payload = json.RawMessage("null")
	}
	p.last = p.row
	p.page.Mutations = append(p.page.Mutations, p.row)
	return nil
}

func (p *pageParser) brokenRow(err error) error {
	return brokenPage(fmt.Errorf("row %d: %w", len(p.page.Mutations)+1, err))
}
