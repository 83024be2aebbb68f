package pages

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// filter is what a page was asked for, as it was typed.
type filter struct {
	Project, Type, Author, Since, Until, Words string
	Deleted                                    bool

	Wrong    string // what of it cannot be understood
	Projects []string
	Types    []string
	Authors  []string
	Narrowed bool // something is left out

	page int
}

// maxPage bounds how far one can turn pages.
const maxPage = 100_000

// kinds are types that are none of an observation, and can be asked for all the same.
var kinds = []string{"observation", "session", "prompt", "relation"}

// readFilter reads the query of a request. What cannot be understood is told, and leaves nothing out.
func (s *site) readFilter(ctx context.Context, r *http.Request, perPage int) (f filter, is memoryindex.Filter, err error) {
	query := r.URL.Query()
	f = filter{
		Project: query.Get("project"), Type: query.Get("type"), Author: query.Get("author"), Since: query.Get("since"), Until: query.Get("until"),
		Words: query.Get("q"), Deleted: query.Get("deleted") != "",
	}
	day := func(name, text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			f.Wrong = "“" + clean(name) + "” takes a day such as 2026-10-01, not “" + clean(text) + "”: it was left out."
		}
		return at
	}
	is = memoryindex.Filter{Project: f.Project, Type: f.Type, Author: f.Author, Since: day("From", f.Since), Until: day("To", f.Until), Limit: perPage}
	if !is.Until.IsZero() {
		is.Until = is.Until.AddDate(0, 0, 1) // with all of the day
	}
	if n, err := strconv.Atoi(query.Get("page")); err == nil && n > 1 {
		f.page = min(n, maxPage) - 1
	}
	is.Offset = f.page * perPage
	f.Narrowed = f.Project+f.Type+f.Author+f.Since+f.Until != ""
	choices, err := s.Index.Choices(ctx)
	f.Projects, f.Types, f.Authors = with(choices.Projects, f.Project), with(choices.Types, f.Type), choices.Authors
	for _, kind := range kinds {
		f.Types = with(f.Types, kind)
	}
	slices.Sort(f.Projects)
	slices.Sort(f.Types)
	return f, is, err
}

// with are choices and one that is in use, which has to be among them.
func with(choices []string, used string) []string {
	if used == "" || slices.Contains(choices, used) {
		return choices
	}
	return append(choices, used)
}

// values are the filter as a query, without the page.
func (f filter) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"q": f.Words, "project": f.Project, "type": f.Type, "author": f.Author, "since": f.Since, "until": f.Until} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if f.Deleted {
		v.Set("deleted", "1")
	}
	return v
}

// turn are the links to the pages before and after one.
type turn struct {
	Newer, Older string // "" for none
	From, To, Of int
}

// turns gives the links of a page that shows so many of a list, when more come behind them. to is the page's own address.
func (f filter) turns(to string, values url.Values, perPage, shown, more int) turn {
	t := turn{From: f.page*perPage + 1, To: f.page*perPage + shown, Of: f.page*perPage + shown + more}
	link := func(page int) string {
		values.Set("page", strconv.Itoa(page+1))
		return to + "?" + values.Encode()
	}
	if f.page > 0 {
		t.Newer = link(f.page - 1)
	}
	if more > 0 && f.page+1 < maxPage {
		t.Older = link(f.page + 1)
	}
	if shown == 0 {
		t.Of = 0
	}
	return t
}
