package syncer

import (
	"context"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Diff is what there is on both sides, and what has to move so that both
// have all. Lists are in the order of the manifest that they come from.
type Diff struct {
	// ToPush are chunks that only the directory has.
	ToPush []Item
	// ToPull are chunks that only the remote has, or whose file is missing here.
	ToPull []Item
	// Elsewhere are chunks that only the remote has, and that are known to be another
	// project's: they are not pulled.
	Elsewhere []Item
	// Unasked are chunks that only the remote has, and that are known to be none of those
	// that this run was asked for.
	Unasked []Item
	// Replaced are chunks that only the remote has, and that are not pulled either: others
	// have taken their place here.
	Replaced []Replacement
	// Present are chunks that both list.
	Present []Pair
	// Missing are entries of the directory whose file is nowhere: neither here
	// nor on the remote.
	Missing []engram.ChunkEntry
	// Orphans are chunk files that neither manifest names.
	Orphans []engram.ChunkID
	// Rejected are entries of the remote that can't be taken, Foreign those of
	// the directory: each is kept as it is, and fails.
	Rejected, Foreign []engram.RejectedEntry
	// ServerMade are chunks of the remote that the server made itself of
	// mutations, and that are not wanted.
	ServerMade []engram.ChunkEntry
	// Omitted are the chunks of which something, or all, does not go to the remote.
	Omitted []recognition.Projection

	// Match has the two manifests, and says which chunks are the same under other ids.
	// Its twins are in nobody's way, and never pushed.
	*recognition.Match

	local        Local
	remote       Remote
	asked        recognition.Options // for Match
	serverChunks bool
	choice       *Choice // nil: all chunks are wanted
	replaced     Replaced
	early        *Options // of the run that follows, which may begin while this compares; nil: none may
	ahead        *ahead   // what has gone by then
}

// CompareOptions are what Compare needs to know of the remote. Zero values mean that
// there is nothing to know.
type CompareOptions struct {
	Aliases recognition.Aliases
	// Replaced remembers what is not wanted any more; nil: nothing is.
	Replaced Replaced
	// Projector gives the Projector of a remote that needs one, or nil. It is
	// called after the remote's manifest was read: only then is it known for
	// sure what kind of server it is.
	Projector func(context.Context) (recognition.Projector, error)
	// Choice gives which chunks are wanted, or nil if all are. It is called when
	// Projector is.
	Choice func() *Choice
	// ServerChunks takes the chunks that a project server made itself of
	// mutations: they repeat the journal, and can revive deleted memories.
	ServerChunks bool
	// Concurrency is how many chunks of the remote are read at once, Report hears of that.
	Concurrency int
	Report      work.Report
	// Fatal says of an error in reading a chunk of the remote that what it holds cannot
	// be taken for nothing: its rows would be sent a second time. nil: none is.
	Fatal func(error) bool
	// Early are the options of the run that is sure to follow, which then may push what it will
	// push while chunks are still compared. nil: nobody has decided on one.
	Early *Options
}

// Compare compares a directory with a remote. It costs one request.
func Compare(ctx context.Context, local Local, remote Remote, opts CompareOptions) (*Diff, error) {
	here, err := local.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	there, err := remote.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	s := &Diff{Rejected: there.Rejected(), local: local, remote: remote, serverChunks: opts.ServerChunks, replaced: opts.Replaced, early: opts.Early}
	s.asked = recognition.Options{
		Local: local, Remote: remote, Aliases: opts.Aliases,
		Fatal: opts.Fatal, Concurrency: opts.Concurrency, Report: opts.Report,
	}
	if opts.Projector != nil {
		if s.asked.Projector, err = opts.Projector(ctx); err != nil {
			return nil, err
		}
	}
	if opts.Choice != nil {
		s.choice = opts.Choice()
	}
	return s.against(ctx, here, there)
}

// against is a comparison of two manifests between the same sides.
func (s *Diff) against(ctx context.Context, here, there *engram.Manifest) (*Diff, error) {
	files, _, err := s.local.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	sides := recognition.Sides{Here: here, There: there, Files: setOf(files)}
	match, err := recognition.Find(ctx, sides, s.askedFirst(sides))
	if err != nil && s.ahead == nil {
		return nil, err
	}
	if err != nil { // what has gone is to be told
		match = s.ahead.match(sides, err)
	}
	next := &Diff{
		Match: match, Rejected: s.Rejected, Foreign: here.Rejected(),
		local: s.local, remote: s.remote, asked: s.asked, serverChunks: s.serverChunks, choice: s.choice, replaced: s.replaced,
		ahead: s.ahead,
	}
	next.compare()
	return next, nil
}

// compare puts every chunk of both sides into its list.
func (s *Diff) compare() {
	origins := s.Origins()
	there := s.There.Entries()
	news := 0 // nearly
	for i := range there {
		if !s.Files[there[i].ID] {
			news++
		}
	}
	s.Present, s.ToPull = make([]Pair, 0, len(there)-news), make([]Item, 0, news)
	whole := map[engram.ChunkID]bool{} // by the id here: what the remote has, and not as parts
	for i := range there {
		e := &there[i]
		local := s.LocalID(e.ID)
		kind := s.classify(e, local, origins)
		if kind != inParts && (s.Files[local] || s.Here.Names(local)) {
			whole[local] = true
		}
		switch kind {
		case present:
			s.Present = append(s.Present, Pair{Local: local, Remote: e.ID})
		case inParts:
			for _, local := range origins[e.ID] {
				s.Present = append(s.Present, Pair{Local: local, Remote: e.ID})
			}
		case unwanted:
			s.ServerMade = append(s.ServerMade, *e)
		case absent:
			item := Item{Local: local, Remote: e.ID, Entry: e, Direction: work.Pulled}
			if by, ok := s.replacedBy(local); ok {
				s.Replaced = append(s.Replaced, Replacement{item, by})
				continue
			}
			if s.isLeft(item) {
				s.Elsewhere = append(s.Elsewhere, item)
				continue
			}
			if s.isUnasked(item) {
				s.Unasked = append(s.Unasked, item)
				continue
			}
			s.ToPull = append(s.ToPull, item)
		}
	}
	inBoth := map[engram.ChunkID]bool{} // for parts
	if len(s.Projected) > 0 {
		for _, p := range s.Present {
			inBoth[p.Local] = true
		}
	}
	superseded, here := s.Superseded(), s.Here.Entries()
	for i := range here {
		e := &here[i]
		if whole[e.ID] {
			continue
		}
		p, projected := s.Projected[e.ID]
		switch {
		case s.IsTwin(e.ID), superseded[e.ID] && s.Files[e.ID]:
		case projected:
			s.pushParts(*e, p, inBoth)
		case s.Files[e.ID]:
			s.ToPush = append(s.ToPush, Item{Local: e.ID, Remote: e.ID, Entry: e, Direction: work.Pushed})
		case s.isReplaced(e.ID):
		default:
			s.Missing = append(s.Missing, *e)
		}
	}
	for id := range s.Files {
		if !s.Here.Names(id) && !whole[id] {
			s.Orphans = append(s.Orphans, id)
		}
	}
	slices.SortFunc(s.Orphans, engram.ChunkID.Compare)
}

// presence is how a chunk of the remote is here.
type presence int

const (
	absent   presence = iota
	present           // under the same id, or restored under another
	inParts           // chunks here become it, or became it in runs with other options
	unwanted          // absent, and the server made it itself
)

// classify finds out how a chunk of the remote is here. An entry of our own
// counts first: a chunk that both list is that chunk, and comes again if its file
// is gone, whatever else becomes the same. Parts of ours are never pulled, whoever
// the entry says made them.
func (s *Diff) classify(e *engram.ChunkEntry, local engram.ChunkID, origins map[engram.ChunkID][]engram.ChunkID) presence {
	switch {
	case s.Here.Names(local) && s.Files[local]:
		return present
	case s.Here.Names(local):
		return absent
	case len(origins[e.ID]) > 0:
		return inParts
	case s.serverMade(e) && !s.serverChunks:
		return unwanted
	}
	return absent
}

// serverMade says whether a project server made the chunk itself. Source:
// project-server.md 3.6.
func (s *Diff) serverMade(e *engram.ChunkEntry) bool {
	return s.asked.Projector != nil && (e.CreatedBy == "mutation-push" || e.CreatedBy == "mutation-backfill")
}

// Clean says whether there is nothing to do in either direction, and nothing wrong.
func (s *Diff) Clean() bool {
	return len(s.ToPush)+len(s.ToPull)+len(s.Missing)+len(s.Orphans)+len(s.PutBack())+len(s.Rejected)+len(s.Foreign)+len(s.Unreadable()) == 0
}

// Absent are the chunks here that the remote does not hold, or not all of them.
func (s *Diff) Absent() []engram.ChunkID {
	var ids []engram.ChunkID
	for _, item := range s.ToPush {
		ids = append(ids, item.Local)
	}
	return slices.Compact(ids) // the parts of a chunk follow each other
}

// Pushes are the chunks here of which something would be pushed, each once,
// and those that cannot be read, which a push would find out.
func (s *Diff) Pushes() []engram.ChunkID {
	return append(s.Absent(), s.Unreadable()...)
}

// pushParts plans what is missing of a chunk that is projected, and remembers
// what of it stays here.
func (s *Diff) pushParts(e engram.ChunkEntry, p recognition.Projection, present map[engram.ChunkID]bool) {
	p.ID = e.ID
	if p.Err != nil {
		return
	}
	if p.Omits() {
		s.Omitted = append(s.Omitted, p)
	}
	if there, ok := s.Sharing(e.ID); ok && p.Supplement && len(p.Parts) == 0 && !present[e.ID] {
		s.Present = append(s.Present, Pair{Local: e.ID, Remote: there})
	}
	missing := slices.DeleteFunc(slices.Clone(p.Parts), func(part recognition.Part) bool { return part.In(s.There) })
	s.ToPush = append(s.ToPush, itemsOfParts(e, missing)...)
}

// itemsOfParts are the items that push parts of a chunk.
func itemsOfParts(e engram.ChunkEntry, parts []recognition.Part) (items []Item) {
	for _, part := range parts {
		entry := e
		entry.ID = part.ID
		entry.Sessions, entry.Memories, entry.Prompts = part.Sessions, part.Memories, part.Prompts
		items = append(items, Item{Local: e.ID, Remote: part.ID, Entry: &entry, Direction: work.Pushed})
	}
	return items
}
