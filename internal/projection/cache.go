package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// cacheVersion belongs to what this package does with the rows, as canon.Version
// does to their canonical form: it changes when other parts come out.
const cacheVersion = 6

// maxCacheBytes bounds the file: one that is larger is nothing that we wrote.
const maxCacheBytes = 256 << 20

// cache remembers what chunks become, so that they need not be read again. Chunks
// never change, so what is right for an id stays right. A cache that can't be
// read or written costs time, and nothing else. Chunks alone uses it.
type cache struct {
	path  string
	dirty bool
	fixed bool // a file that is missing is not made

	cacheFile
}

type cacheFile struct {
	Facts  map[engram.ChunkID]facts      `json:"facts"`
	Chunks map[engram.ChunkID]cacheEntry `json:"chunks"`
}

type cacheEntry struct {
	Context string `json:"context"`
	recognition.Projection
}

func openCache(dir string, opts Options) *cache {
	of := fmt.Sprintf("%d %d %q %q %v %t %t %d", canon.Version, cacheVersion, mend.Rule, opts.Project, opts.form(), opts.IncludePersonal, opts.Strict, opts.maxPart())
	sum := sha256.Sum256([]byte(of))
	c := &cache{path: filepath.Join(dir, hex.EncodeToString(sum[:8])+".json")}
	if info, err := os.Stat(c.path); err == nil && info.Size() <= maxCacheBytes {
		if text, err := sharing.ReadFile(c.path); err == nil && json.Unmarshal(text, &c.cacheFile) != nil {
			c.cacheFile = cacheFile{}
		}
	}
	if c.Facts == nil {
		c.Facts = map[engram.ChunkID]facts{}
	}
	if c.Chunks == nil {
		c.Chunks = map[engram.ChunkID]cacheEntry{}
	}
	return c
}

func (c *cache) chunk(id engram.ChunkID, context string) (recognition.Projection, bool) {
	e, ok := c.Chunks[id]
	return e.Projection, ok && e.Context == context
}

func (c *cache) save() {
	if _, err := os.Lstat(c.path); !c.dirty || c.fixed && err != nil {
		return
	}
	text, err := json.Marshal(c.cacheFile)
	if err == nil && os.MkdirAll(filepath.Dir(c.path), 0o700) == nil && atomicfile.Write(c.path, text, 0o600) == nil {
		c.dirty = false
	}
}

// facts are what other chunks need to know of one: it is all that has to be
// read of a chunk that has not changed.
type facts struct {
	// Sessions are those that the chunk brings, mended as the options say.
	Sessions map[string]Session `json:"sessions,omitempty"`
	// References are the sessions that its rows belong to.
	References []string `json:"references,omitempty"`
	// Claims are those that rows of our project need.
	Claims []string `json:"claims,omitempty"`
	// Orphans are the sessions that the chunk does not bring, and its rows need
	// which are ours or nobody's: with the time of the oldest of these rows.
	Orphans map[string]string `json:"orphans,omitempty"`
	// Untimed says that its memories have no times, as those of a restored chunk.
	Untimed bool `json:"untimed,omitempty"`
	// Also are the ids by which servers may know the chunk, whole, if it has mutations.
	Also []engram.ChunkID `json:"also,omitempty"`
}

// names are the sessions that a chunk speaks of.
func (f facts) names() []string {
	return unique(slices.Concat(f.References, slices.Collect(maps.Keys(f.Sessions))))
}

// addTo adds what the chunk says of sessions to what others say.
func (f facts) addTo(sessions map[string]Session) {
	for name, s := range f.Sessions {
		sessions[name] = sessions[name].merge(s)
	}
	for _, name := range f.Claims {
		sessions[name] = sessions[name].merge(Session{Needed: true})
	}
}

// factsOf says what a chunk brings and what it refers to.
func (o Options) factsOf(doc document) facts {
	f := facts{Sessions: o.sessionsOf(doc), Untimed: doc.untimed(), Also: o.also(doc, doc.id)}
	if !o.Strict {
		f.Orphans = o.orphansOf(doc, f.Sessions)
	}
	references, claims := map[string]bool{}, map[string]bool{}
	for r := range doc.of(listObservations, listPrompts, listMutations) {
		id := key(r.session)
		if id == "" {
			continue
		}
		references[id] = true
		if o.claims(r) {
			claims[id] = true
		}
	}
	f.References, f.Claims = slices.Sorted(maps.Keys(references)), slices.Sorted(maps.Keys(claims))
	return f
}

// untimed says whether the first memory has no time.
func (d document) untimed() bool {
	for r := range d.of(listObservations, listPrompts) {
		return r.created == ""
	}
	return false
}

// sessionsOf are the sessions that a chunk brings, as rows or as mutations.
func (o Options) sessionsOf(doc document) map[string]Session {
	s := selection{document: document{id: doc.id, rows: map[string][]*row{}}}
	for r := range doc.of(listSessions, listMutations) {
		if r.gives != "" {
			s.rows[r.list] = append(s.rows[r.list], r.clone())
		}
	}
	if !o.Strict {
		s.mend(o.Generation)
	}
	problems := o.form().ValidateDocument(s.source(), o.Project, func(string) bool { return true })
	refused := map[string]map[int]bool{listSessions: {}, listMutations: {}}
	for _, p := range problems {
		refused[p.List][p.Index] = true // of no other lists
	}
	sessions := map[string]Session{}
	twins := s.refusedSessions(refused[listSessions])
	for _, list := range []string{listSessions, listMutations} {
		for i, r := range s.rows[list] {
			said := Session{Project: engram.NormalizeProject(r.project), Good: !refused[list][i] && !twins[r.gives]}
			sessions[r.gives] = sessions[r.gives].merge(said)
		}
	}
	return sessions
}

// merge adds what another row says of the session. A good row wins over a bad
// one, and then the project that comes first in the alphabet, wherever the rows lie.
func (s Session) merge(other Session) Session {
	switch {
	case s.Project == "", other.Good && !s.Good && other.Project != "":
		s.Project = other.Project
	case other.Project != "" && other.Good == s.Good:
		s.Project = min(s.Project, other.Project)
	}
	s.Good, s.Needed = s.Good || other.Good, s.Needed || other.Needed
	return s
}

// mergeSessions takes what all chunks say together, in an order that is the same
// on every machine.
func mergeSessions(known map[engram.ChunkID]facts) map[string]Session {
	sessions := map[string]Session{}
	for _, id := range slices.SortedFunc(maps.Keys(known), engram.ChunkID.Compare) {
		known[id].addTo(sessions)
	}
	return sessions
}
