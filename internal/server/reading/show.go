package reading

import (
	"cmp"
	"io"
	"net/http"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Show answers with a page of an account, which its reader then takes in no one's way.
func (r *Room) Show(w http.ResponseWriter, req *http.Request, u store.User) error {
	p := &page{header: w.Header(), status: http.StatusOK, body: r.Spools.New(u.ID, spool.Buffer)}
	defer p.body.Discard(req.Context())
	if err := r.make(p, req, u); err != nil {
		return err
	}
	w.Header().Set("Content-Length", strconv.FormatInt(p.body.Len(), 10))
	w.WriteHeader(p.status)
	_, _ = io.Copy(w, p.body.Reader()) // the client may be gone
	return nil
}

func (r *Room) make(p *page, req *http.Request, u store.User) error {
	s, err := r.take(req.Context(), u)
	if err != nil {
		return err
	}
	defer r.release(s)
	s.pages.ServeHTTP(p, req)
	return cmp.Or(p.err, p.body.End())
}

// page is an answer that waits for its reader.
type page struct {
	header http.Header
	status int
	body   *spool.Spool
	err    error
}

func (p *page) Header() http.Header { return p.header }

func (p *page) WriteHeader(status int) { p.status = status }

func (p *page) Write(b []byte) (n int, err error) {
	if n, err = p.body.Write(b); err != nil {
		p.err = err
	}
	return n, err
}
