package recorded

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Compare is how answers are compared with recorded ones.
type Compare struct {
	// Strict are volatile members that have to be equal all the same: what
	// counts up from an empty database does, if the order is the same.
	Strict []string
	// Body, if it is not nil, makes two bodies alike where a difference is on purpose.
	Body func(Exchange, []byte) []byte
}

// compared are the headers that a client acts on. Of Retry-After only counts
// whether it is there.
var compared = []string{"Content-Type", "Allow", "Location", "Retry-After"}

// Difference says how an answer differs from the recorded one, "" if it does
// not; and values learn from it.
func (c Compare) Difference(e Exchange, got Answer, values Values) string {
	values.learn(e.Response.Body, got.Body)
	if got.Status != e.Response.Status {
		return fmt.Sprintf("%d %s, recorded %d %s", got.Status, short(got.Body), e.Response.Status, short(e.Response.Body))
	}
	for _, name := range compared {
		want, have := e.Response.Headers[name], got.Header.Get(name)
		if name == "Retry-After" && want != "" && have != "" {
			continue
		}
		if want != have {
			return fmt.Sprintf("%s: %q, recorded %q", name, have, want)
		}
	}
	if closes := e.Response.Headers["Connection"] == "close"; closes != got.Closes {
		return fmt.Sprintf("closes the connection: %t, recorded %t", got.Closes, closes)
	}
	if e.Response.Summary != nil {
		return c.summary(e, got.Body, values)
	}
	want, have := []byte(values.fill(string(e.Response.Body))), got.Body
	if c.Body != nil {
		want, have = c.Body(e, want), c.Body(e, have)
	}
	want, have = c.mask(e, want), c.mask(e, have)
	if !bytes.Equal(want, have) {
		return fmt.Sprintf("%s, recorded %s", short(around(have, want)), short(around(want, have)))
	}
	return ""
}

// summary compares a large body with what was kept of the recorded one.
func (c Compare) summary(e Exchange, got []byte, values Values) string {
	want := e.Response.Summary
	if len(c.volatile(e)) == 0 && placeholder.FindString(want.Starts) == "" {
		sum := sha256.Sum256(got)
		if len(got) != want.Size || hex.EncodeToString(sum[:]) != want.SHA256 {
			return fmt.Sprintf("%d bytes with hash %x, recorded %d with %s", len(got), sum[:4], want.Size, want.SHA256)
		}
	}
	// Up to a member that is whole: values have other lengths than their names.
	starts := c.mask(e, []byte(values.fill(want.Starts)))
	starts = starts[:bytes.LastIndexByte(starts, ',')+1]
	if have := c.mask(e, got[:min(len(got), 2*len(want.Starts))]); !bytes.HasPrefix(have, starts) {
		return fmt.Sprintf("starts %s, recorded %s", short(around(have, starts)), short(around(starts, have)))
	}
	if want.Rows == nil {
		return ""
	}
	var page struct {
		Mutations []struct {
			Seq int64 `json:"seq"`
		} `json:"mutations"`
		HasMore bool `json:"has_more"`
	}
	if err := json.Unmarshal(got, &page); err != nil {
		return err.Error()
	}
	if len(page.Mutations) != *want.Rows || page.HasMore != want.HasMore {
		return fmt.Sprintf("%d rows, more: %t, recorded %d, %t", len(page.Mutations), page.HasMore, *want.Rows, want.HasMore)
	}
	if slices.Contains(c.Strict, "seq") && len(page.Mutations) > 0 {
		first, last := page.Mutations[0].Seq, page.Mutations[len(page.Mutations)-1].Seq
		if first != want.FirstSeq || last != want.LastSeq {
			return fmt.Sprintf("rows %d to %d, recorded %d to %d", first, last, want.FirstSeq, want.LastSeq)
		}
	}
	return ""
}

// volatile are the members whose values don't count.
func (c Compare) volatile(e Exchange) []string {
	var names []string
	for _, name := range e.Volatile {
		if !strings.HasPrefix(name, "header ") && !strings.HasPrefix(name, "body.") && !slices.Contains(c.Strict, name) {
			names = append(names, name)
		}
	}
	return names
}

// mask blots out the values of volatile members, in cut-off JSON too.
func (c Compare) mask(e Exchange, body []byte) []byte {
	for _, name := range c.volatile(e) {
		member := regexp.MustCompile(`"` + regexp.QuoteMeta(name) + `":( ?)("(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^,}\]]+)`)
		body = member.ReplaceAll(body, []byte(`"`+name+`":$1*`))
	}
	return body
}

// around is the part of a text where it starts to differ from another.
func around(text, other []byte) []byte {
	at := 0
	for at < len(text) && at < len(other) && text[at] == other[at] {
		at++
	}
	if at < 100 {
		return text
	}
	return slices.Concat([]byte("…"), text[at-60:])
}

func short(text []byte) string {
	if len(text) > 400 {
		text = slices.Concat(text[:400], []byte("…"))
	}
	return fmt.Sprintf("%q", text)
}
