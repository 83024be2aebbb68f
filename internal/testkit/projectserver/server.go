// Package projectserver is a project server for tests: a real http.Handler over
// memory that answers as engram's cloud server does, mistakes included. Only tests
// import it, and its own hold it against what releases 1.16.1 and 1.20 answered. Of
// 2.x and 3.x nothing but text was seen: what they do is read, not recorded.
//
// Source: project-server.md, sections 1 to 4 and 12 to 14, and engram-2.md, sections
// 4 and 10; the letter T means one
// of the traps of section 10, the letter A one of the corrections of section 13.
package projectserver

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

const defaultMaxPushBytes = 8 << 20

// Options say what a server is like. The zero value allows no project.
type Options struct {
	// Release is the release that it answers like; "" means Release1161.
	Release Release
	// Token is the bearer token; "" is the mode without authentication.
	Token string
	// AdminToken is the administrator's, which only newer releases take for syncing.
	AdminToken string
	// Managed lets those in that Member makes, in releases that have them.
	Managed bool
	// Projects is the allowlist; a "*" in it allows every project.
	Projects []string
	// MaxPushBytes limits the bodies of both pushes; 0 means 8 MiB.
	MaxPushBytes int64
	// NoMutations makes it an old server, which has no routes for mutations.
	NoMutations bool
	// Compressed lets an older release speak the envelope of newer ones, as release
	// candidates do; others take the compressed bytes for bad JSON (400).
	Compressed bool
	// Now is the server's clock; nil means time.Now.
	Now func() time.Time
}

// Server is one server with its own store. It is safe for concurrent use.
type Server struct {
	mu       sync.Mutex
	opts     Options
	traits   traits
	allowed  map[string]bool // normalised; nil allows everything
	mux      *http.ServeMux
	members  map[string]*Member // by token
	requests map[string]int
	paused   map[string]bool
	stores   map[string]*store // by project
	journal  []engram.PullMutationResult
	lastSeq  int64
	hold     *hold // for the next push of mutations
}

// store is what the server knows of one project.
type store struct {
	chunks   []*chunk        // in the order of their arrival
	sessions map[string]bool // the ids it has ever seen, trimmed
}

// New makes an empty server.
func New(opts Options) *Server {
	s := &Server{
		members: map[string]*Member{}, requests: map[string]int{}, paused: map[string]bool{}, stores: map[string]*store{},
	}
	s.start(opts)
	return s
}

// start takes options; s.mu is held, or nobody else has s yet.
func (s *Server) start(opts Options) {
	if opts.MaxPushBytes == 0 {
		opts.MaxPushBytes = defaultMaxPushBytes
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Release == "" {
		opts.Release = Release1161
	}
	s.opts, s.traits, s.allowed = opts, releases[opts.Release], map[string]bool{}
	for _, project := range opts.Projects {
		s.allowed[engram.NormalizeProject(project)] = true
	}
	if s.allowed["*"] {
		s.allowed = nil
	}
	s.route()
}

func (s *Server) route() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"service": "engram-cloud", "status": "ok"})
	})
	s.mux.HandleFunc("GET /sync/pull", s.authenticated(s.pullManifest))
	s.mux.HandleFunc("GET /sync/pull/{chunkID}", s.authenticated(s.pullChunk))
	s.mux.HandleFunc("POST /sync/push", s.authenticated(s.pushChunk))
	if s.traits.members {
		s.mux.HandleFunc("GET /admin/users", s.authenticated(func(w http.ResponseWriter, _ *http.Request, _ caller) {
			writeJSON(w, http.StatusOK, []string{}) // nothing is known but that it is there
		}))
	}
	if s.traits.authorities {
		s.mux.HandleFunc("POST /sync/session-authorities", s.authenticated(func(w http.ResponseWriter, _ *http.Request, _ caller) {
			invalid("session_id is required").write(w) // as far as anybody asks here
		}))
	}
	if !s.opts.NoMutations {
		s.mux.HandleFunc("POST /sync/mutations/push", s.authenticated(s.pushMutations))
		s.mux.HandleFunc("GET /sync/mutations/pull", s.authenticated(s.pullMutations))
	}
}

// ServeHTTP counts the request and answers it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests[r.Method+" "+r.URL.Path]++
	mux := s.mux
	s.mu.Unlock()
	mux.ServeHTTP(w, r)
}

// Requests is how many requests have come, by "METHOD PATH".
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// Pause makes both pushes to a project answer 409, as an administrator can; false ends it.
func (s *Server) Pause(project string, paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused[engram.NormalizeProject(project)] = paused
}

// Chunks are the ids of a project's chunks, in the order of the manifest.
func (s *Server) Chunks(project string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, c := range s.store(engram.NormalizeProject(project)).chunks {
		ids = append(ids, c.entry.ID)
	}
	return ids
}

// Bodies are the contents of a project's chunks, in the same order.
func (s *Server) Bodies(project string) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var bodies [][]byte
	for _, c := range s.store(engram.NormalizeProject(project)).chunks {
		bodies = append(bodies, slices.Clone(c.body))
	}
	return bodies
}

// Journal is what has been committed to the journal of all projects, by seq.
func (s *Server) Journal() []engram.PullMutationResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.journal)
}

// Plant stores a body under an id of the test's choice, damaged or not; its
// counts are 0 and none of its sessions are known.
func (s *Server) Plant(project, id string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.store(engram.NormalizeProject(project))
	st.chunks = append(st.chunks, &chunk{entry: entry{ID: id, CreatedAt: s.now()}, body: body})
}

// store gives the project's own; s.mu is held.
func (s *Server) store(project string) *store {
	if s.stores[project] == nil {
		s.stores[project] = &store{sessions: map[string]bool{}}
	}
	return s.stores[project]
}

// now is the server's time in its usual form.
func (s *Server) now() string { return s.opts.Now().UTC().Format(time.RFC3339) }

// handler answers a request of a caller who has been let in.
type handler func(w http.ResponseWriter, r *http.Request, from caller)

// authenticated lets a request through if it carries a good token. Unknown paths
// never get here: they are 404 for everybody.
func (s *Server) authenticated(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from, bad := s.whose(r.Header.Get("Authorization"))
		if bad != "" {
			writeText(w, http.StatusUnauthorized, "unauthorized: "+bad)
			return
		}
		next(w, r, from)
	}
}
