package protocol

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
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
	call := &httplayer.Call{Op: op, Mode: httplayer.BodyWhole, Limit: maxPageBytes, Cut: true, NoRetryOnStall: true}
	resp, err := client.Get(ctx, call, fmt.Sprintf("/sync/mutations/pull?since_seq=%d&limit=%d", since, min(limit, maxPageRows)))
	if err != nil {
		return none, explainMissing(client, err)
	}
	defer func() { _ = resp.Body.Close() }() // it is in memory
	text, err := httplayer.WholeText(resp)
	if err != nil {
		return none, call.NoAnswer(ctx, err)
	}
	page, err := parsePage(text, since)
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	readPageHeader(&page, resp.Header)
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
