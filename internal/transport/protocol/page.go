package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

const (
	// maxPageRows is the most rows that a server gives at once, and
	// defaultPageRows what it gives where nobody says. Source: account-server.md 4.3.
	maxPageRows     = 1000
	defaultPageRows = 100

	// maxPageBytes is how much of a page is read. The largest row that a server
	// can hold fits: 10 MiB, in which each byte may have become the six of an
	// escape such as \u003c. A page may have hundreds of such rows: what does not
	// fit is left for the next one.
	maxPageBytes = 64 << 20
)

// ReadPage asks for the rows of the journal behind since: GET
// /sync/mutations/pull. A server that does not answer is not asked again: the
// pull that it may be at work on keeps a connection to its database.
func ReadPage(ctx context.Context, client *httplayer.Client, op string, since int64, limit int) (engram.PullMutationsResponse, error) {
	var none engram.PullMutationsResponse
	if limit <= 0 {
		limit = defaultPageRows
	}
	call := &httplayer.Call{Op: op, Limit: maxPageBytes, Cut: true, NoRetryOnStall: true}
	text, header, err := client.GetText(ctx, call, fmt.Sprintf("/sync/mutations/pull?since_seq=%d&limit=%d", since, min(limit, maxPageRows)))
	if err != nil {
		return none, explainMissing(client, err)
	}
	page, err := parsePage(text, since)
	if err != nil && len(text) > 0 && len(text) <= maxPageBytes && httplayer.IsCut(text) {
		return none, call.CutError()
	}
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	readPageHeader(&page, header)
	return page, nil
}

// readPageHeader takes over what a server says beside the page. The promise of
// an order counts only with the head of the journal that belongs to it: without
// one, Head would read as that of an empty journal.
func readPageHeader(page *engram.PullMutationsResponse, header http.Header) {
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		page.Now = at.Unix()
	}
	head, err := strconv.ParseUint(header.Get("Engram-Sync-Head"), 10, 63)
	if err == nil && header.Get("Engram-Sync-Journal") == "commit-ordered" {
		page.CommitOrdered, page.Head = true, int64(head)
	}
}

// pageMembers are the members of a page that count. Others are passed over.
var pageMembers = []string{"mutations", "has_more"}

// Places in pageMembers.
const (
	pageRows = iota
	pageHasMore
)

// minRowBytes is less than a row with its members takes, so that no text gets
// more memory set aside than it could fill.
const minRowBytes = 64

// pageParser reads a page in one pass. Payloads stay where they are in the text,
// and texts that a row has in common with the one before are kept once: a
// million rows come by.
type pageParser struct {
	text   []byte
	scan   *jsonscan.Scanner
	at     int
	from   int // where the value at hand begins
	rowAt  int // where the row at hand begins
	kind   jsonscan.Kind
	member int // at hand, of the page; -1 is one that does not count
	field  int // at hand, of the row
	nameAt int // where its name begins, of one that does not count
	met    uint
	metRow uint

	row, last engram.PullMutationResult
	odd       error  // the first reason why the row at hand can't be read
	extra     []byte // its Extra so far
	page      engram.PullMutationsResponse
}

// parsePage reads the text of a page strictly: a row that can be read in two ways, or
// in none, is odd. Of a text that was cut at
// maxPageBytes it takes the rows that are whole, and says that there are more.
// The error wraps ErrNotEngram if this is no page of a journal, and ErrRefused if
// the journal is broken: a hostile server must not move a cursor. Source:
// account-server.md 4.3.
func parsePage(text []byte, since int64) (engram.PullMutationsResponse, error) {
	p := &pageParser{text: text, scan: jsonscan.New(3), member: -1, field: -1}
	p.last.Seq = since
	p.page.Mutations = make([]engram.PullMutationResult, 0, min(maxPageRows, len(text)/minRowBytes))
	if err := p.parse(); err != nil {
		return engram.PullMutationsResponse{}, err
	}
	return p.page, nil
}

func (p *pageParser) parse() error {
	for p.at < len(p.text) {
		n, event, err := p.scan.Next(p.text[p.at:])
		p.at += n
		if err != nil {
			return noPage(err)
		}
		if err := p.event(event); err != nil {
			return err
		}
	}
	if len(p.text) > maxPageBytes { // it was cut: the rows before that are a page
		if p.page.HasMore = true; len(p.page.Mutations) == 0 {
			return brokenPage(fmt.Errorf("%d bytes hold no row", maxPageBytes))
		}
		return nil
	}
	if err := p.scan.Close(); err != nil {
		return noPage(err)
	}
	for i, name := range pageMembers {
		if p.met&(1<<i) == 0 {
			return noPage(fmt.Errorf("%q is missing", name))
		}
	}
	if p.page.HasMore && len(p.page.Mutations) == 0 {
		return brokenPage(errors.New("it says that there is more, and gives no row"))
	}
	return nil
}

// event looks at one event of the page. Of its members only the rows go deeper.
func (p *pageParser) event(event jsonscan.Event) (err error) {
	depth := p.scan.Depth()
	if depth > 1 && p.member != pageRows {
		return nil
	}
	switch {
	case event == jsonscan.Begin:
		p.from, p.kind = p.at, p.scan.Kind()
		return p.begin(depth)
	case event == jsonscan.Key && depth == 1:
		if p.member, err = meet(pageMembers, p.scan.Key(), &p.met); err != nil {
			return brokenPage(err)
		}
	case event == jsonscan.Key:
		if p.field, err = meet(rowMembers, p.scan.Key(), &p.metRow); err != nil {
			p.oddRow(err)
		}
		if p.nameAt = p.at - len(p.scan.Key()) - len(`""`); len(p.scan.Key()) > jsonscan.MaxKey {
			p.nameAt = -1 // only its beginning is known
		}
	case event == jsonscan.End && depth == 1:
		if p.member == pageHasMore {
			if p.kind != jsonscan.True && p.kind != jsonscan.False {
				return noPage(errors.New(`"has_more" is neither true nor false`))
			}
			p.page.HasMore = p.kind == jsonscan.True
		}
		p.member = -1
	case event == jsonscan.End && depth == 2:
		return p.endRow()
	case event == jsonscan.End && depth == 3 && p.field >= 0:
		if err := p.value(p.text[p.from:p.at:p.at]); err != nil {
			p.oddRow(fmt.Errorf("%q: %w", rowMembers[p.field], err))
		}
	case event == jsonscan.End && depth == 3 && p.nameAt >= 0:
		if len(p.extra) > 0 {
			p.extra = append(p.extra, ',')
		}
		p.extra = append(p.extra, p.text[p.nameAt:p.at]...)
	}
	return nil
}

func (p *pageParser) begin(depth int) error {
	switch {
	case depth == 0 && p.kind != jsonscan.Object:
		return noPage(errors.New("not a JSON object"))
	case depth == 1 && p.member == pageRows && p.kind != jsonscan.Array && p.kind != jsonscan.Null:
		return noPage(errors.New(`"mutations" is not a list`))
	case depth == 2 && p.kind != jsonscan.Object:
		return p.brokenRow(errors.New("not a JSON object"))
	case depth == 2:
		p.rowAt, p.row, p.metRow, p.odd, p.extra = p.at, engram.PullMutationResult{}, 0, nil, p.extra[:0]
	}
	return nil
}

// meet finds a member's name among those that count, -1 if it is not one of
// them. One that stands twice, or in another spelling, could be read in two ways.
func meet(names []string, key []byte, met *uint) (int, error) {
	switch place := slices.IndexFunc(names, func(name string) bool { return string(key) == name }); {
	case place >= 0 && *met&(1<<place) != 0:
		return -1, fmt.Errorf("%q stands twice", names[place])
	case place >= 0:
		*met |= 1 << place
		return place, nil
	case len(key) > jsonscan.MaxKey: // no spelling of ours is so long
		return -1, nil
	}
	var name string
	if json.Unmarshal([]byte(`"`+string(key)+`"`), &name) != nil {
		return -1, errors.New("a member name can't be read")
	}
	if known := jsonscan.Alike(name, names); known != "" {
		return -1, fmt.Errorf("%q is another spelling of %q", key, known)
	}
	return -1, nil
}

func brokenPage(err error) error {
	return httplayer.Refusal("the server's mutation journal is broken: %s", httplayer.Printable(err.Error()))
}

func noPage(err error) error {
	return fmt.Errorf("%w: the answer is not a page of a mutation journal (%s)", httplayer.ErrNotEngram, httplayer.Printable(err.Error()))
}
