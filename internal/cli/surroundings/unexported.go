package surroundings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/words"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// NoticeBytes is how much of chunk files that were never read status and its
// like read on the side. What is read is remembered, so usually that is little.
const NoticeBytes = 32 << 20

// Unexported is how much of a database no chunk of a directory holds.
type Unexported struct {
	Project        string           `json:"project"`
	ProjectFrom    string           `json:"project_from"`
	memories.Tally                  // of all projects
	ByProject      memories.Tallies `json:"by_project"`
	// Near are projects of the database that people take for this one, of which it
	// has nothing.
	Near []string `json:"near,omitempty"`

	unread int // chunks that the manifest lists, of which nobody knows what they hold
}

func NewUnexported(p workspace.Project, tallies memories.Tallies) *Unexported {
	return &Unexported{Project: p.Name, ProjectFrom: p.From, Tally: tallies.Total(), ByProject: tallies}
}

// Differs says whether export has something to do, or to say.
func (u *Unexported) Differs() bool { return u != nil && (u.Rows() > 0 || len(u.Near) > 0) }

// sentence says it in one line, "" if there is nothing to say. Personal
// memories are not talked about. gone is how many chunks that a pull would bring may hold what none here does.
func (u *Unexported) sentence(gone int) string {
	text, are := "", "are"
	if u.Rows() == 1 {
		are = "is"
	}
	switch {
	case u.Rows() == 0:
	case gone > 0:
		text = fmt.Sprintf("%s %s in no chunk here, and %s not here yet: run `engram-sync pull` before `engram-sync export`", TallyWords(u.Tally), are, chunksAre(gone))
	case u.unread > 0:
		text = fmt.Sprintf("%s %s in no chunk that can be read, and %s missing or damaged: run `engram-sync verify` before `engram-sync export`", TallyWords(u.Tally), are, chunksAre(u.unread))
	default:
		text = TallyWords(u.Tally) + " " + are + " not exported yet: run `engram-sync export`"
	}
	if u.Unnamed > 0 {
		text = strings.TrimPrefix(text+"; "+UnnamedSentence(u.Unnamed), "; ")
	}
	return text
}

func chunksAre(n int) string {
	if n == 1 {
		return "1 chunk is"
	}
	return terminal.Count(n, "chunk") + " are"
}

// UnnamedSentence says of rows that have no identity what to do about it.
func UnnamedSentence(n int) string {
	has, it := "has", "it"
	if n > 1 {
		has, it = "have", "them"
	}
	return fmt.Sprintf("%s %s no sync_id, so nobody can tell whether a chunk holds %s: run any engram command, which gives %[3]s one", terminal.Count(n, "row"), has, it)
}

// TallyWords is "12 memories, 2 edits and 1 prompt".
func TallyWords(t memories.Tally) string {
	var counts []string
	for _, kind := range []struct {
		n    int
		noun string
	}{
		{t.Memories, "memory"}, {t.Edits, "edit"}, {t.Deletes, "deletion"}, {t.HardDeletes, "hard deletion"},
		{t.Prompts, "prompt"}, {t.PromptDeletes, "deleted prompt"}, {t.Sessions, "session"}, {t.SessionDeletes, "deleted session"},
		{t.Relations, "relation"},
	} {
		if kind.n > 0 {
			counts = append(counts, terminal.Count(kind.n, kind.noun))
		}
	}
	if last := len(counts) - 1; last > 0 {
		return strings.Join(counts[:last], ", ") + " and " + counts[last]
	}
	return strings.Join(counts, "")
}

// LeftHere says what is not written, and why.
func LeftHere(h memories.StayHome) string {
	text := ""
	for _, kind := range []struct {
		n         int
		noun, why string
	}{
		{h.Personal, "personal memory", " (--include-personal)"}, {h.Global, "global memory", " (--all-projects)"},
		{h.Orphaned, "relation", ", whose end was deleted for good"}, {h.MissingEnds, "relation", ", whose end is in no chunk of the project"},
		{h.Waiting, "deleted session", ", of which chunks have more than was deleted here"},
		{h.Superseded, "change", ", which chunks have later ones of"},
		{h.NoDirectory, "session end", ", as engram.db has no directory and chunks have one"},
		{h.OddTimes, "change", ", whose time has not come yet or cannot be read"},
		{h.NoProject, "deletion", ", as neither engram.db nor a chunk says of which project"},
		{h.Excluded, "row", ", as the settings or flags for export say"},
		{h.TakenOut, "row", ", as its text was taken out of the chunk that has it (edit it in engram too)"},
	} {
		if kind.n > 0 {
			text += "; " + terminal.Count(kind.n, kind.noun) + " left out" + kind.why
		}
	}
	return text
}

// NoteUnexported says, after a transfer, if memories are in no chunk. gone is as for sentence. It never
// fails the command.
func NoteUnexported(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, local syncer.Local, gone int) {
	if term.Quiet || term.JSON || ctx.Err() != nil {
		return
	}
	found, err := lookUnexportedHere(ctx, ws, local, NoticeBytes)
	switch {
	case err != nil:
		ws.Log.Info("cannot tell whether memories are in no chunk", "error", terminal.OneLine(err.Error()))
	case found != nil && found.sentence(gone) != "":
		term.Note("note: %s", found.sentence(gone))
	}
}

// MemoriesStatus is what status says of engram's database, to who knows how many are gone (see sentence): nil and ""
// where there is none. It never fails the command.
func MemoriesStatus(ctx context.Context, ws *workspace.Workspace, local syncer.Local, most int64) (*Unexported, func(gone int) string) {
	found, err := lookUnexportedHere(ctx, ws, local, most)
	return found, func(gone int) string { return memoriesText(found, err, gone) }
}

func memoriesText(found *Unexported, err error, gone int) string {
	switch {
	case errors.Is(err, memories.ErrTooMuch):
		return "not compared with the chunks yet: `engram-sync export --dry-run` does it"
	case err != nil:
		return "unknown: " + terminal.OneLine(err.Error())
	case found == nil:
		return ""
	case len(found.Near) > 0:
		return fmt.Sprintf("none of project %s (%s), but of %s: add %s", terminal.Visible(found.Project),
			terminal.Visible(found.ProjectFrom), strings.Join(command.Texts(found.Near, terminal.Visible), " and "), ProjectFlag(found.Near[0]))
	case found.Tally == memories.Tally{}: // then it may be the wrong one, and nothing is safe
		return fmt.Sprintf("none of project %s (%s): --project names another", terminal.Visible(found.Project), terminal.Visible(found.ProjectFrom))
	}
	text := cmp.Or(found.sentence(gone), "all exported")
	if found.Rows()+found.Unnamed == 0 && found.StayHome != (memories.StayHome{}) {
		text = "all the rest exported"
	}
	return text + LeftHere(found.StayHome)
}

// lookUnexportedHere counts what engram's database holds and no chunk of the
// directory does; nil where there is no database. The count is remembered: while
// the database, the manifest and the names of the chunk files stay as they are,
// none of them is looked into. most is how much of chunk files may be read.
func lookUnexportedHere(ctx context.Context, ws *workspace.Workspace, local syncer.Local, most int64) (*Unexported, error) {
	db, err := OpenDatabase(ctx, ws)
	if db == nil || err != nil {
		return nil, err
	}
	rule, err := RuleOf(ctx, db)
	if err != nil {
		return nil, err
	}
	project, err := ws.FindProject(rule)
	if err != nil {
		return nil, err
	}
	return LookUnexported(ctx, ws, db, local, project, most)
}

// LookUnexported is lookUnexportedHere for a project that is known.
func LookUnexported(ctx context.Context, ws *workspace.Workspace, db *engramdb.DB, local syncer.Local, project workspace.Project, most int64) (*Unexported, error) {
	counts, err := countUnexported(ctx, ws, db, local, project, most)
	if err != nil {
		return nil, err
	}
	found := NewUnexported(project, counts.Tallies)
	found.unread = counts.Unread
	if found.Tally == (memories.Tally{}) {
		found.Near, err = NearProjects(ctx, ws, db, local, project, most)
	}
	return found, err
}

// counts are what is remembered of a comparison.
type counts struct {
	Tallies memories.Tallies
	Unread  int
}

// countUnexported counts for one project, or for all with a Project without a name.
func countUnexported(ctx context.Context, ws *workspace.Workspace, db *engramdb.DB, local syncer.Local, p workspace.Project, most int64) (found counts, err error) {
	// Before anything is read: what changes meanwhile has another version.
	question, answer, err := whatToCount(ctx, ws, db, local, p)
	if err != nil || answer.Get(question, &found) {
		return found, err
	}
	c, err := Compare(ctx, ws, db, local, memories.Scope{Project: p.Name, Choice: Choice(ws), CountOnly: true}, most, nil)
	if err != nil {
		return found, err
	}
	found = counts{c.Tallies, len(c.Unread)}
	unreadable := func(f work.Failure) bool { return !errors.Is(f.Err, engram.ErrNoFile) }
	if !slices.ContainsFunc(c.Unread, unreadable) {
		if err := answer.Put(question, found); err != nil {
			ws.Log.Info("remember what is in no chunk", "error", err)
		}
	}
	return found, nil
}

// NearProjects are those of the database that people take for p.
func NearProjects(ctx context.Context, ws *workspace.Workspace, db *engramdb.DB, local syncer.Local, p workspace.Project, most int64) ([]string, error) {
	all, err := countUnexported(ctx, ws, db, local, workspace.Project{}, most)
	return NamesNear(p.Name, slices.Collect(maps.Keys(all.Tallies))), err
}

// ProjectFlag is what somebody types to choose a project.
func ProjectFlag(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	}) {
		name = strconv.QuoteToGraphic(name)
	}
	return "--project " + name
}

// whatToCount names all that a count depends on, besides the rules of this
// release, and the place where it is remembered.
func whatToCount(ctx context.Context, ws *workspace.Workspace, db *engramdb.DB, local syncer.Local, p workspace.Project) (string, state.Cache, error) {
	version, err := db.Version(ctx)
	if err != nil {
		return "", state.Cache{}, err
	}
	path, chunks, slot := "", "none", "unexported"
	if p.Name == "" {
		slot = "unexported-all" // beside that of the one project
	}
	if d, ok := local.(workspace.Directory); ok {
		path = d.Path()
		if chunks, err = d.Fingerprint(); err != nil {
			return "", state.Cache{}, err
		}
	}
	question := fmt.Sprintf("10 %s %s %s %v", version, chunks, engram.ProjectKey(p.Name), Choice(ws))
	return question, state.OpenCache(ws.State(), slot, path+"\x00"+db.Path()), nil
}

// Choice is what the settings leave out of chunks.
func Choice(ws *workspace.Workspace) memories.Choice {
	c := memories.Choice{NoPrompts: ws.Config.NoPrompts, NoDirectories: ws.Config.NoDirectories}
	if ws.Config.Types != "" {
		c.Wants = selection.Memories(strings.Split(ws.Config.Types, ","))
	}
	return c
}

const DatabaseName = "engram.db"

// OpenDatabase opens engram's database; nil where there is none.
func OpenDatabase(ctx context.Context, ws *workspace.Workspace) (*engramdb.DB, error) {
	dir := ws.DataDir()
	if dir == "" {
		return nil, nil
	}
	db, err := engramdb.Open(ctx, filepath.Join(dir, DatabaseName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, engramdb.ErrEmpty) {
		return nil, nil
	}
	return db, err
}

// RuleOf says by whose rules the user's engram names projects.
func RuleOf(ctx context.Context, db *engramdb.DB) (workspace.ProjectRule, error) {
	legacy, err := db.Legacy(ctx)
	if legacy {
		return workspace.LegacyRule, err
	}
	return workspace.CurrentRule, err
}

// Compared is what the database holds beside the chunks of a directory.
type Compared struct {
	*memories.Unexported
	Manifest *engram.Manifest // of the directory
	Unread   []work.Failure   // chunks of which nobody knows what they hold
}

// Compare finds what the database holds and no chunk of the directory does. What
// the chunks hold is remembered.
func Compare(ctx context.Context, ws *workspace.Workspace, db *engramdb.DB, local syncer.Local, scope memories.Scope, maxBytes int64, report work.Report) (c Compared, err error) {
	if c.Manifest, err = local.ReadManifest(ctx); err != nil {
		return c, err
	}
	files, path := workspace.Directory{}, "" // where there is no directory, nothing is listed
	if d, ok := local.(workspace.Directory); ok {
		files, path = d, d.Path()
	}
	index := state.OpenIndex[words.Word](ws.State(), path)
	replaced := state.OpenReplaced(ws.State(), path)
	said, unread, err := memories.ReadWords(ctx, files, c.Manifest.Entries(), replaced.Replaces, index, maxBytes, ws.Config.Concurrency, report)
	if err != nil {
		return c, err
	}
	c.Unread = unread
	said.HoldBack(replaced.TakenOut(func(id engram.ChunkID) bool {
		_, _, err := files.Stamp(id)
		return c.Manifest.Has(id) && err == nil
	}))
	if err := index.Save(); err != nil {
		ws.Log.Info("remember what the chunks hold", "error", err)
	}
	err = db.Snapshot(ctx, func(s *engramdb.Snapshot) (err error) {
		c.Unexported, err = memories.FindUnexported(ctx, s, said, c.Manifest.Entries(), scope, time.Now())
		return err
	})
	return c, err
}
