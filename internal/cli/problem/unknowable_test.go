package problem_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// What a chunk of the server holds is unknown while the server fails, and known to be
// nothing that anybody gets where it is damaged or gone.
func TestUnknowable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&transport.StatusError{Status: http.StatusServiceUnavailable, Class: transport.ErrUnavailable}, true},
		{&transport.StatusError{Status: http.StatusInternalServerError, Class: transport.ErrUnavailable}, true},
		{&transport.StatusError{Status: http.StatusTooManyRequests, Class: transport.ErrUnavailable}, true},
		{&transport.NetworkError{Err: errors.New("connection reset by peer"), Class: transport.ErrUnavailable}, true},
		{transport.ErrUnauthorized, true},
		{&transport.StatusError{Status: http.StatusNotFound, Message: "chunk not found", Class: transport.ErrUnavailable}, false},
		{fmt.Errorf("read it: %w", engram.ErrDamaged), false},
	} {
		if got := problem.Unknowable(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}
