// Package pages shows memories in a browser: HTML made here, of an index of memories and the chunks it is about, without any
// script. It only reads. Who serves pages decides who gets them; all their links are relative, so that they may lie anywhere.
package pages

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// Place is what pages show.
type Place struct {
	Name    string // of it, for people
	Version string // of this program
	Index   *memoryindex.Index
	Source  memoryindex.Source
	// Refresh brings the index up to date, and says which chunks cannot be read. It is called before each page, by several
	// goroutines at once. An error is told on the page, which shows what the index has.
	Refresh func(ctx context.Context) ([]memoryindex.Failure, error)
	// ReadChunk reads all rows of a chunk. Rows may come with an error that says what is wrong with them. nil: Source does.
	ReadChunk func(ctx context.Context, id engram.ChunkID) ([]history.Row, error)
	// Turn is waited for before a page asks the index and reads chunks, and left when all of it is made. nil: two do so at once.
	Turn func(ctx context.Context) (leave func(), err error)
	// Tell hears of what went wrong, and gives what a page says of it; nil: all.
	Tell    func(error) string
	SignOut bool // who reads has signed in, and can sign out
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// pageTimeout bounds the work for one page.
const pageTimeout = 2 * time.Minute

// atOnce is how many pages are made at once: each may have all rows of a chunk in memory.
const atOnce = 2

type site struct{ Place }

// New gives the pages of a place: "", and beside it search, chunk, memory, style.css and icon.svg.
func New(p Place) http.Handler {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Tell == nil {
		p.Tell = error.Error
	}
	if p.ReadChunk == nil {
		p.ReadChunk = func(ctx context.Context, id engram.ChunkID) (rows []history.Row, err error) {
			err = p.Source.Read(ctx, id, func(c *engram.Chunk) error {
				rows, err = history.ReadChunk(c)
				return err
			})
			return rows, err
		}
	}
	if p.Turn == nil {
		turns := make(chan struct{}, atOnce)
		p.Turn = func(ctx context.Context) (func(), error) {
			select {
			case turns <- struct{}{}:
				return func() { <-turns }, nil
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
	s := &site{p}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page("timeline.html", s.timeline))
	mux.HandleFunc("GET /search", s.page("search.html", s.search))
	mux.HandleFunc("GET /chunk", s.page("chunk.html", s.chunk))
	mux.HandleFunc("GET /memory", s.page("memory.html", s.memory))
	addFiles(mux)
	return Protect(mux)
}

// Files gives style.css and icon.svg, which a Door needs as well.
func Files() http.Handler {
	mux := http.NewServeMux()
	addFiles(mux)
	return Protect(mux)
}

func addFiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /style.css", file("files/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /icon.svg", file("files/icon.svg", "image/svg+xml"))
}

// policy lets a page load its style sheet and its icon from where it came from, send its forms there, and do nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Protect gives every answer the headers that keep a page, and what is in it, to itself.
func Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		next.ServeHTTP(w, r)
	})
}

func protect(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow",
	} {
		h.Set(name, value)
	}
}

//go:embed files
var files embed.FS

func file(name, kind string) http.HandlerFunc {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is in the program
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content) // the client may be gone
	}
}

// frame is what is around each page.
type frame struct {
	Title   string
	Words   string // that were looked for
	Name    string
	Version string
	SignOut bool
	Problem string // why the index may not be up to date
	Failed  []failed
	More    int // failed chunks that are not listed
	Page    any
}

// failed is a chunk that cannot be read.
type failed struct{ ID, Why string }

// failedShown is how many chunks that cannot be read a page names.
const failedShown = 50

// refusal is an error that is the answer to a request.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// ErrBusy says that something is not done because too much is under way. Whoever is told so may come again.
var ErrBusy = errors.New("too many pages are asked for at the moment: try again in a few seconds")

// maker gives the title of a page and what its template shows.
type maker func(ctx context.Context, r *http.Request) (title string, page any, err error)

// page serves one page.
func (s *site) page(name string, make maker) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		f := frame{Name: clean(s.Name), Version: s.Version, SignOut: s.SignOut, Words: r.FormValue("q")}
		unread, err := s.Refresh(ctx)
		if err != nil {
			f.Problem = clean(s.Tell(err))
		}
		for _, u := range unread[:min(len(unread), failedShown)] {
			f.Failed = append(f.Failed, failed{u.ID.String(), clean(s.Tell(u.Err))})
		}
		f.More = len(unread) - len(f.Failed)
		status, layout := http.StatusOK, name
		leave, err := s.Turn(ctx)
		if err == nil {
			leave = sync.OnceFunc(leave)
			defer leave()
			f.Title, f.Page, err = make(ctx, r)
		}
		if err != nil {
			status, layout = http.StatusInternalServerError, "error.html"
			f.Title, f.Page = "This page cannot be shown", sentence(clean(err.Error()))
			if told, ok := errors.AsType[*refusal](err); ok {
				status, f.Title = told.status, http.StatusText(told.status)
			} else if errors.Is(err, ErrBusy) {
				status = http.StatusServiceUnavailable
				w.Header().Set("Retry-After", "5")
			} else if f.Page = sentence(clean(s.Tell(err))); r.Context().Err() == nil {
				s.Log.ErrorContext(ctx, "a page cannot be shown", "page", name, "error", err.Error())
			}
		}
		var b bytes.Buffer
		if err := layouts()[layout].ExecuteTemplate(&b, "frame.html", f); err != nil {
			s.Log.ErrorContext(ctx, "a page cannot be made", "page", name, "error", err.Error())
			http.Error(w, "this page cannot be made", http.StatusInternalServerError)
			return
		}
		if leave != nil {
			leave() // its reader may take a while
		}
		if s.SignOut {
			hasForm(w.Header())
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(b.Bytes()) // the client may be gone
	}
}

// layouts are the templates, by the name of the page, read when the first one is made: every other run starts without them.
var layouts = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"timeline.html", "search.html", "chunk.html", "memory.html", "error.html", "door.html"} {
		all[name] = template.Must(template.New("").Funcs(functions).ParseFS(files, "files/frame.html", "files/parts.html", "files/"+name))
	}
	return all
})

func sentence(text string) string {
	text = cmp.Or(text, "no reason was given")
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:] + "."
}
