package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// chunkBytes is how large a chunk becomes unless somebody chose.
const chunkBytes = 4 << 20

// Run is one export. The zero value exports nothing, and has nothing to say. It is of one goroutine.
type Run struct {
	Failed []work.Failure // chunks that could not be written, once that was tried

	term             *terminal.Terminal
	ws               *workspace.Workspace
	dryRun, exitCode bool
	all, personal    bool
	since            string // leaves out what was last changed before
	choosing         command.Choosing
	wants            selection.Filter // what it says
	sizeChosen       bool

	dir     syncer.Local
	path    string // of dir
	db      *engramdb.DB
	made    int64  // how large chunks may get
	legacy  bool   // it is one of 1.9.4
	pushes  bool   // the chunks in the same run
	remote  string // that the chunks go to afterwards; "" if they stay here
	project workspace.Project

	found   surroundings.Compared
	version int              // of the manifest
	drafts  []memories.Draft // those that can be written
	written []memories.Draft
	look    *surroundings.Secrets
	secrets []surroundings.Secret // in the drafts
}

// ForSync is the export of a sync, which pushes to that remote in the same run. personal: personal memories, too.
func ForSync(term *terminal.Terminal, ws *workspace.Workspace, remote string, dryRun, personal bool) Run {
	return Run{term: term, ws: ws, dryRun: dryRun, personal: personal, pushes: true, remote: remote}
}

// sizes are how large chunks may be that are made, and that are read. A bound
// from the configuration is about reading, and what is made must be readable.
func (x *Run) sizes() (made, read int64) {
	if x.sizeChosen {
		return x.ws.Config.MaxChunkBytes, engram.DefaultMaxChunkBytes
	}
	return min(chunkBytes, x.ws.Config.MaxChunkBytes), x.ws.Config.MaxChunkBytes
}

func (x *Run) run(ctx context.Context) (err error) {
	if x.all && x.ws.Inputs.Flags.Changed("project") {
		return &terminal.UsageError{Command: "engram-sync export", Err: errors.New("--all-projects and --project exclude each other")}
	}
	if x.dryRun {
		x.ws.OnlyLook()
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	if err := x.Open(ctx); err != nil {
		return err
	}
	dir, path, release, err := x.ws.Claim(ctx, workspace.Claim{Command: "export", Create: true, DryRun: x.dryRun})
	if err != nil {
		return err
	}
	defer release()
	if err := x.into(ctx, dir, path); err != nil {
		return err
	}
	return x.print()
}

// Write writes into a directory, after Open, what no chunk of it holds, and warns of what is odd about that. With tell it says what
// it wrote, at once: that stays, however the rest of the sync goes. It ends with Close.
func (x *Run) Write(ctx context.Context, dir syncer.Local, path string, tell bool) (err error) {
	defer func() { err = errors.Join(err, x.Close()) }()
	if err := x.into(ctx, dir, path); err != nil {
		return err
	}
	x.warn()
	if tell && x.term.Tells() && len(x.drafts)+len(x.Failed) > 0 {
		return x.printText()
	}
	return nil
}

// into writes into a directory what no chunk of it holds. What is shown of that is there
// until Close.
func (x *Run) into(ctx context.Context, dir syncer.Local, path string) (err error) {
	x.dir, x.path = dir, path
	if x.look, err = surroundings.LookForSecrets(x.term, x.ws, dir, path); err != nil {
		return err
	}
	defer frugally()()
	found, err := x.foundAlready(ctx)
	if err == nil && !found {
		err = x.find(ctx)
	}
	if err != nil {
		return err
	}
	if x.version, err = x.raiseVersion(ctx); err != nil {
		return err
	}
	if x.dryRun {
		for _, err := range x.readable() {
			if err != nil {
				return err
			}
		}
		return nil
	}
	var failed []work.Failure
	x.written, failed, err = memories.Export(ctx, x.dir, x.version, x.readable())
	x.Failed = append(x.Failed, failed...)
	return err
}

// Open opens engram's database, which must be there, and finds the project, and where there
// is no chunk directory what goes into one: before one is made, which would be for nothing
// if that fails.
func (x *Run) Open(ctx context.Context) (err error) {
	if x.db, err = surroundings.OpenDatabase(ctx, x.ws); err != nil {
		return err
	}
	if x.db == nil {
		path := filepath.Join(x.ws.DataDir(), surroundings.DatabaseName)
		return terminal.Usagef("engram has no database at %s: set ENGRAM_DATA_DIR if it is elsewhere", path)
	}
	rule, err := surroundings.RuleOf(ctx, x.db)
	if err != nil {
		return err
	}
	x.made, x.ws.Config.MaxChunkBytes = x.sizes()
	x.legacy = rule == workspace.LegacyRule
	if x.project, err = x.findProject(rule); err != nil {
		return err
	}
	if err := command.MayUse(ctx, x.term, x.ws, x.project, x.remote); err != nil {
		return err
	}
	local, path, err := x.ws.OpenDirectoryIfAny()
	if err != nil || path != "" {
		return err
	}
	x.dir = local
	return x.find(ctx)
}

// Close forgets what was found. It may be called again.
func (x *Run) Close() error {
	if x.found.Unexported == nil {
		return nil
	}
	return x.found.Close()
}

// foundAlready says whether the directory still has no chunk, as when there was none.
func (x *Run) foundAlready(ctx context.Context) (bool, error) {
	if x.found.Unexported == nil {
		return false, nil
	}
	manifest, err := x.dir.ReadManifest(ctx)
	if err == nil && len(manifest.Entries()) > 0 {
		return false, x.Close()
	}
	x.found.Manifest = manifest
	return true, err
}

// find finds what is in no chunk. Chunks that cannot be
// read are no reason to stop: what only they may hold is exported once more.
func (x *Run) find(ctx context.Context) (err error) {
	defer frugally()()
	generation, err := x.db.Generation(ctx)
	if err != nil {
		return err
	}
	scope, err := x.scope(generation)
	if err != nil {
		return err
	}
	report, stop := command.Progress(x.term, "chunk")
	x.found, err = surroundings.Compare(ctx, x.ws, x.db, x.dir, scope, math.MaxInt64, report)
	stop()
	if err != nil {
		return err
	}
	if err := x.checkTypes(ctx); err != nil {
		return err
	}
	return x.checkName(ctx, x.found)
}

// frugally is until its end: hundreds of thousands of rows are looked at once and kept as
// little as can be, and memory that is collected sooner costs next to nothing here.
func frugally() (end func()) {
	percent := debug.SetGCPercent(50)
	return func() { debug.SetGCPercent(percent) }
}

// checkName looks for another spelling where the database has nothing of the project:
// then its name is wrong, here or there, and "nothing to export" would not be true.
func (x *Run) checkName(ctx context.Context, found surroundings.Compared) error {
	if x.all || found.Total() != (memories.Tally{}) {
		return nil
	}
	near, err := surroundings.NearProjects(ctx, x.ws, x.db, x.dir, x.project, math.MaxInt64)
	if err != nil || len(near) == 0 {
		return err
	}
	return terminal.Usagef("engram.db has nothing of project %s (%s): it has %s; add %s", terminal.Visible(x.project.Name),
		terminal.Visible(x.project.From), strings.Join(command.Texts(near, terminal.Visible), " and "), surroundings.ProjectFlag(near[0]))
}

// readable gives the drafts, but for those that are too large for what we may read:
// nobody here would see that they are there, and they would be written each time.
func (x *Run) readable() iter.Seq2[memories.Draft, error] {
	drafts := x.found.Drafts(x.made, createdBy(x.ws), x.found.Manifest.Entries(), time.Now())
	return func(yield func(memories.Draft, error) bool) {
		for d, err := range drafts {
			if err != nil {
				yield(d, err)
				return
			}
			if why := cmp.Or(d.Waits(x.Failed), x.tooLarge(d), x.tellsSecrets(d)); why != nil {
				x.Failed = append(x.Failed, work.Failure{ID: d.Entry.ID.String(), Err: why})
				continue
			}
			listed := d
			listed.Text = nil
			x.drafts = append(x.drafts, listed)
			if !yield(d, nil) {
				return
			}
		}
	}
}

// tellsSecrets looks through a draft, and says why it shall not be written.
func (x *Run) tellsSecrets(d memories.Draft) error {
	found := x.look.InText(d.Entry.ID, d.Text)
	x.secrets = append(x.secrets, found...)
	return x.look.Held(nil, found)[d.Entry.ID]
}

func (x *Run) tooLarge(d memories.Draft) error {
	most := x.ws.Config.MaxChunkBytes
	if int64(d.Size) <= most {
		return nil
	}
	row, err := x.found.Load(d.Rows[0]) // there is but one that large
	if err != nil {
		return err
	}
	shown := shownRowOf(row, d.Entry.ID)
	return &terminal.UsageError{Err: fmt.Errorf("the %s %s takes %s alone, and max_chunk_bytes is %s: raise it",
		shown.Kind, strconv.QuoteToGraphic(shorten(cmp.Or(shown.Title, shown.ID))), terminal.Size(int64(d.Size)), terminal.Size(most))}
}

// createdBy is who made a chunk, as engram has it. Source: local-state.md 1.2.
func createdBy(ws *workspace.Workspace) string {
	host, _ := os.Hostname() // "" if it is not known
	return cmp.Or(ws.Getenv("USER"), ws.Getenv("USERNAME"), host, "unknown")
}

// raiseVersion raises the version of the manifest to that which the database, or what
// the directory holds, wants of it: before there is a chunk that a later engram would
// refuse, and also without one, as engram itself does. Source: engram-2.md 2.1.
func (x *Run) raiseVersion(ctx context.Context) (version int, err error) {
	g, err := surroundings.DatabaseGeneration(ctx, x.ws, x.db)
	if err != nil {
		return 0, err
	}
	before := x.found.Manifest.Version()
	version = max(before, engram.ManifestVersion(g, surroundings.DirectoryGeneration(ctx, x.ws, x.dir, x.found.Manifest, math.MaxInt64)))
	if version == before || len(x.found.Rows)+len(x.found.Manifest.Entries()) == 0 {
		return version, nil
	}
	has := "has"
	if x.dryRun {
		has = "would have"
	} else if err := x.dir.AddEntries(ctx, version, nil); err != nil {
		return 0, err
	}
	if len(x.found.Manifest.Entries()) == 0 {
		return version, nil // it lists nothing that was of another version
	}
	x.term.Note("the manifest %s version %d now, in place of %d: engram 2.x refuses to import what one of less lists", has, version, before)
	return version, nil
}
