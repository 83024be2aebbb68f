package surroundings

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/chunktext"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/rowstream"
	"github.com/engram-sync/engram-sync/internal/secretscan"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// AcceptedName is the file at the top of the git work tree, or beside the chunk directory outside of
// one, that has the fingerprints of what only looks like a secret: one a line, # begins a comment.
const AcceptedName = ".engram-sync-accepted"

// Secret is something in a chunk that looks like a secret. It is printed as it is in JSON.
type Secret struct {
	Chunk engram.ChunkID `json:"chunk"`
	secretscan.Finding
}

// Secrets looks for secrets in chunks: in reads of its own, or while others read them.
type Secrets struct {
	term     *terminal.Terminal
	ws       *workspace.Workspace
	dir      syncer.Local
	path     string
	memory   func() verification.Memory // of what was found before; nil: there is none
	accepted map[string]bool
	seen     sync.Map // by chunk: the looked of this run
}

// looked is a look into a chunk.
type looked struct {
	found []secretscan.Finding
	err   error // why not all of it was looked through
	good  bool  // the chunk itself is whole
}

// NewSecrets is for a look into a directory, which need not be there yet. Nothing is read before it is needed.
func NewSecrets(term *terminal.Terminal, ws *workspace.Workspace, dir syncer.Local, path string) *Secrets {
	s := &Secrets{term: term, ws: ws, dir: dir, path: path}
	s.memory = sync.OnceValue(func() verification.Memory {
		if here, ok := dir.(workspace.Directory); ok {
			if kept := state.OpenScanned(state.In(state.Dir()), here.Path(), secretscan.Version); kept != nil {
				return &memory{kept, ws, here}
			}
		}
		return nil
	})
	return s
}

// LookForSecrets is NewSecrets with Accept.
func LookForSecrets(term *terminal.Terminal, ws *workspace.Workspace, dir syncer.Local, path string) (*Secrets, error) {
	s := NewSecrets(term, ws, dir, path)
	return s, s.Accept()
}

// Accept reads what somebody has accepted. The error is about the file.
func (s *Secrets) Accept() (err error) {
	s.accepted, err = readAccepted(s.path)
	return err
}

func readAccepted(chunkDir string) (map[string]bool, error) {
	top := git.Top(filepath.Dir(chunkDir))
	if top == "" {
		top = filepath.Dir(chunkDir)
	}
	path := filepath.Join(top, AcceptedName)
	text, err := repofile.Read(path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	accepted := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(line) != 16 || strings.Trim(line, "0123456789abcdef") != "" {
			return nil, terminal.Usagef("%s: line %d has no fingerprint: it is 16 of 0-9 and a-f, and # begins a comment", path, n)
		}
		accepted[line] = true
	}
	return accepted, lines.Err()
}

// In gives the secrets in chunks of the directory that nobody accepted, by chunk; there are all its chunk files. What
// cannot be read is told by whoever moves it. What somebody else has read in this run is not read again, and neither are
// files that an earlier run has read, and that are unchanged. When ctx ends, what was not read is left out.
func (s *Secrets) In(ctx context.Context, ids []engram.ChunkID, there []engram.ChunkID) []Secret {
	var unread []engram.ChunkID
	for _, id := range ids {
		if l, ok := s.look(id); !ok || l.err != nil {
			unread = append(unread, id)
		}
	}
	if len(unread) > 0 {
		report, stop := command.Progress(s.term, "chunk")
		defer stop()
		work.Report(report).Tell(work.Event{Kind: work.EventPlan, Direction: work.Looked, Items: len(unread)})
		work.EachFile(unread, min(s.ws.Config.Concurrency, runtime.GOMAXPROCS(0)), report, func(id engram.ChunkID) {
			if ctx.Err() == nil {
				s.read(id)
			}
		})
	}
	if memory := s.memory(); memory != nil {
		memory.End(there)
	}
	var all []Secret
	for _, id := range ids {
		if l, ok := s.look(id); ok {
			all = append(all, s.unaccepted(id, l.found)...)
		}
	}
	slices.SortStableFunc(all, func(a, b Secret) int { return a.Chunk.Compare(b.Chunk) })
	return all
}

// read reads a chunk only to look into it.
func (s *Secrets) read(id engram.ChunkID) {
	watch := s.Watch(id)
	if watch == nil {
		return
	}
	c, err := s.dir.OpenChunk(id)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }() // only read
	watch(c)
	_, _ = io.Copy(io.Discard, c)
}

// Watch looks into a chunk of the directory while somebody else reads it, so that In need not: see Watched of a
// workspace.Directory. It gives nil where it is known what the file holds.
func (s *Secrets) Watch(id engram.ChunkID) func(*engram.Chunk) {
	if l, ok := s.look(id); ok && l.err == nil {
		return nil
	}
	stamp, found, known := s.recall(id)
	if known {
		s.seen.Store(id, looked{found: found})
		return nil
	}
	return func(c *engram.Chunk) {
		var found []secretscan.Finding
		c.Listen(func(row rowstream.Row) {
			found = append(found, secretscan.ScanRow(row.List, row.Index, row.Text)...)
		}, func(err error) {
			if err == nil {
				s.keep(id, stamp, found)
			}
			s.seen.Store(id, looked{found, err, c.Verified()})
		}, chunktext.Lists()...)
	}
}

func (s *Secrets) look(id engram.ChunkID) (l looked, ok bool) {
	seen, ok := s.seen.Load(id)
	if ok {
		l, _ = seen.(looked)
	}
	return l, ok
}

// recall gives what an earlier run found in a file, if the file is unchanged, and its stamp.
func (s *Secrets) recall(id engram.ChunkID) (stamp string, found []secretscan.Finding, known bool) {
	memory := s.memory()
	if memory == nil {
		return "", nil, false
	}
	stamp = memory.Stamp(id)
	kept, ok := memory.Recall(id, stamp)
	known = ok && stamp != "" && json.Unmarshal(kept, &found) == nil
	return stamp, found, known
}

// keep keeps what was found in a file that had a stamp before, unless it was changed meanwhile.
func (s *Secrets) keep(id engram.ChunkID, stamp string, found []secretscan.Finding) {
	if memory := s.memory(); stamp != "" && memory.Stamp(id) == stamp {
		kept, _ := json.Marshal(found) // texts alone
		memory.Keep(id, stamp, kept)
	}
}

// InText gives the secrets in the text of a chunk that nobody accepted.
func (s *Secrets) InText(id engram.ChunkID, text []byte) []Secret {
	var found []secretscan.Finding
	_ = engram.ReadLists(bytes.NewReader(text), func(list string, index int, row json.RawMessage) { // it was made here
		found = append(found, secretscan.ScanRow(list, index, row)...)
	}, chunktext.Lists()...)
	return s.unaccepted(id, found)
}

// Spans are the secrets in a text that nobody accepted, for who takes them out.
func (s *Secrets) Spans(t chunktext.Text) (spans []chunktext.Span) {
	for _, m := range secretscan.Scan(t.Value) {
		if !s.accepted[secretscan.Fingerprint(m.Rule, t.Row.ID, t.Value[m.Start:m.End])] {
			spans = append(spans, chunktext.Span{Start: m.Start, End: m.End})
		}
	}
	return spans
}

func (s *Secrets) unaccepted(id engram.ChunkID, found []secretscan.Finding) (secrets []Secret) {
	for _, f := range found {
		if !s.accepted[f.Fingerprint] {
			secrets = append(secrets, Secret{id, f})
		}
	}
	return secrets
}

// AddFailOnSecrets declares the flag by which they are held, which is a setting too.
func AddFailOnSecrets(cmd *cobra.Command) {
	cmd.Flags().Bool("fail-on-secrets", false, "keep chunks here, and fail, over what looks like a secret; without it, warn")
}

// Held gives for each of these chunks with secrets why it stays, if it shall, and for those of which nobody can tell: damage
// is told by whoever moves them.
func (s *Secrets) Held(ids []engram.ChunkID, found []Secret) map[engram.ChunkID]error {
	if !s.ws.Config.FailOnSecrets {
		return nil
	}
	counts, held := map[engram.ChunkID]int{}, map[engram.ChunkID]error{}
	for _, id := range ids {
		if l, _ := s.look(id); l.good && l.err != nil {
			held[id] = fmt.Errorf("%w: it fits its id, but cannot be looked through for secrets: %w", engram.ErrDamaged, l.err)
		}
	}
	for _, s := range found {
		counts[s.Chunk]++
		held[s.Chunk] = &secretscan.FoundError{Secrets: counts[s.Chunk]}
	}
	return held
}

// mostSecrets are how many are named without -v.
const mostSecrets = 10

// WarnOfSecrets names what looks like a secret, a line each, and what to do.
func WarnOfSecrets(term *terminal.Terminal, ws *workspace.Workspace, found []Secret) {
	if len(found) == 0 || !term.Tells() {
		return
	}
	for i, s := range found {
		if i == mostSecrets && !term.Verbose {
			term.Warn(fmt.Sprintf("%s more that look like secrets: -v lists them", terminal.Count(len(found)-i, "place")))
			break
		}
		title := ""
		if s.Title != "" {
			title = " " + fmt.Sprintf("%.80q", s.Title)
		}
		term.WarnAt(ws.PlaceOf(s.Chunk.String()), fmt.Sprintf("chunk %s: %s %s%s, %s: looks like a secret (%s), fingerprint %s",
			s.Chunk, s.Kind, terminal.Visible(s.Row), title, terminal.Visible(s.Field), s.Rule, s.Fingerprint))
	}
	term.Note("to take secrets out: `engram-sync redact --secrets`; for one that is no secret, add its fingerprint to %s", AcceptedName)
}
