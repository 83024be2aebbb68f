package transport

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
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

// PullMutations asks for the rows of the journal behind since: GET
// /sync/mutations/pull. At most limit rows, and never more than 1000; 100 where
// limit is not positive. A page may be shorter than that and still have more
// behind it: only HasMore tells, and where it is true there is at least one row.
// Rows ascend, each above since. Their payloads are the server's bytes, an object, a
// string or null, and share the memory of the page. An answer that breaks any of
// this is an error, and nothing of it is given.
//
// Pulls wait for each other, however many goroutines call: an account server
// needs a second database connection for each pull in progress, and as many
// pulls as it has connections stop it for good. For the same reason a pull that
// got no answer is not tried again. Source: account-server.md 4.3, 4.7.
func (t *RemoteTransport) PullMutations(ctx context.Context, since int64, limit int) (PullMutationsResponse, error) {
	const op = "pull mutations"
	var none PullMutationsResponse
	select {
	case t.pulling <- struct{}{}:
		defer func() { <-t.pulling }()
	case <-ctx.Done():
		return none, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	if limit <= 0 {
		limit = defaultPageRows
	}
	ctx = withCall(ctx, &call{mode: bodyWhole, limit: maxPageBytes, cut: true, fragile: true})
	path := fmt.Sprintf("/sync/mutations/pull?since_seq=%d&limit=%d", since, min(limit, maxPageRows))
	req, err := t.newRequest(ctx, http.MethodGet, path)
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return none, requestError(ctx, op, err)
	}
	defer func() { _ = resp.Body.Close() }() // it is in memory
	if resp.StatusCode != http.StatusOK {
		status, _ := readStatus(ctx, op, resp)
		return none, t.noJournal(status)
	}
	text, err := wholeText(resp)
	if err != nil {
		return none, requestError(ctx, op, err)
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
func readPageHeader(page *PullMutationsResponse, header http.Header) {
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		page.Now = at.Unix()
	}
	head, err := strconv.ParseUint(header.Get("Engram-Sync-Head"), 10, 63)
	if err == nil && header.Get("Engram-Sync-Journal") == "commit-ordered" {
		page.CommitOrdered, page.Head = true, int64(head)
	}
}
