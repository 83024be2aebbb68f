package problem

import (
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/recorded"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// What real servers said to requests of ours is their own. "404 page not found" and
// "400 Bad Request" are what any server in Go says to a path that it does not have.
func TestRecordedRefusalsAreTheServersOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine works for long: the race detector learns nothing from it")
	}
	t.Parallel()
	told := 0
	for _, name := range []string{recorded.Account194, recorded.Project1161, recorded.Project120} {
		b := newBench(t, name)
		for i := range b.all {
			e := &b.all[i]
			call, ask, whyNot := b.call(e)
			body := strings.TrimSpace(string(e.Response.Body))
			if whyNot != "" || !strings.Contains("push chunk mutations manifest journal", call) || body == "404 page not found" || body == "400 Bad Request" {
				continue
			}
			b.mu.Lock()
			b.prefix, b.next = "", []*recorded.Exchange{e}
			b.mu.Unlock()
			if err := ask(t.Context(), dial(t, b.url, b.kind)); As[*transport.StatusError](err) {
				told++
				if stranger(err, "") {
					t.Errorf("%s: %d %.200q is taken for a stranger's", e.Name, e.Response.Status, body)
				}
			}
		}
	}
	if told < 50 {
		t.Errorf("only %d refusals were looked at", told)
	}
}

// A stranger's answer ends the run: it is no item's own, unless it is about the size.
func TestStrangersAreCommon(t *testing.T) {
	for _, c := range []struct {
		err    transport.StatusError
		common bool
	}{
		{transport.StatusError{Status: http.StatusForbidden, Message: "forbidden", Class: transport.ErrRefused}, true},
		{transport.StatusError{Status: http.StatusRequestEntityTooLarge, Message: "an HTML page", Class: transport.ErrRefused}, false},
		{transport.StatusError{Status: http.StatusNotFound, Message: "chunk not found", Class: transport.ErrRefused}, false},
		{transport.StatusError{Status: http.StatusBadRequest, Message: "invalid json: EOF", Class: transport.ErrRefused}, false},
		{transport.StatusError{Status: http.StatusBadRequest, Code: "upgrade_repairable_payload_invalid", Class: transport.ErrRefused}, false},
	} {
		if err := error(&engram.ContentError{Err: &c.err}); Common(err) != c.common || Code(err) != Refused {
			t.Errorf("%d %s: common %v, code %d", c.err.Status, c.err.Message, Common(err), Code(err))
		}
	}
}
