// Package surroundings is what lies around the chunks of a directory: engram.db, git, and the generations of engram that they show.
// Only the groups of commands about chunks call it.
package surroundings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Why a file that is bad or missing is so, where git knows more than the file.
var (
	// errEdited: git has the same bytes, so somebody changed them on purpose.
	ErrEdited = errors.New("git has it so: somebody edited it under its old id")
	// errCommitted: git has the same damage.
	ErrCommitted = errors.New("git has it so too")
	// errDeleted: the file is missing here alone.
	ErrDeleted = errors.New("git has it")
)

// Around is what lies around the chunks of a directory: git, and things
// that do not belong there.
type Around struct {
	dir      workspace.Directory
	git      git.Files
	replaced syncer.Replaced
}

func LookAround(ctx context.Context, ws *workspace.Workspace, dir workspace.Directory) Around {
	return Around{dir: dir, git: git.Status(ctx, dir.Path(), ws.Environ), replaced: state.OpenReplaced(ws.State(), dir.Path())}
}

// GitTold says whether git could be asked.
func (s Around) GitTold() bool { return s.git.Known() }

// Judge adds what they say to a report: to each bad chunk, and as warnings.
func (s Around) Judge(ctx context.Context, r *verification.Report, whole bool) error {
	for i, f := range r.Findings {
		id, err := engram.ParseChunkID(f.ID)
		if err != nil || f.Harmless || f.Where != "here" {
			continue
		}
		r.Findings[i].Err = s.explain(id, f.Err)
	}
	if !whole {
		return nil
	}
	warnings, err := s.Warnings(ctx)
	r.Findings = append(r.Findings, warnings...)
	return err
}

// Warnings are about what does not belong beside the chunks, and about chunks that git
// does not have.
func (s Around) Warnings(ctx context.Context) (found []verification.Finding, err error) {
	warn := func(id, format string, args ...any) {
		found = append(found, verification.Finding{ID: id, Where: "here", Harmless: true, Err: fmt.Errorf(format, args...)})
	}
	for _, name := range s.dir.Leftovers() {
		if text := s.leftover(name); text != "" {
			warn(name, "%s", text)
		}
	}
	ids, _, err := s.dir.Chunks(ctx)
	if m, readErr := s.dir.ReadManifest(ctx); readErr == nil { // git is not to have what text was taken out of
		ids = slices.DeleteFunc(ids, func(id engram.ChunkID) bool {
			_, replaced := syncer.ReplacedBy(s.replaced, m, id)
			return replaced && !m.Names(id)
		})
	}
	ignored, untracked := s.countUnknown(ids)
	if ignored > 0 {
		warn("chunks", "git ignores %s, so nobody else gets them: `%s/*` names the rule to remove", terminal.Count(ignored, "chunk file"), s.command("check-ignore -v", "chunks"))
	}
	if untracked > 0 {
		warn("chunks", "git does not have %s yet: `%s` adds what is new", terminal.Count(untracked, "chunk file"), s.command("add", "."))
	}
	return found, err
}

// explain adds what git knows to why a chunk file is bad or missing.
func (s Around) explain(id engram.ChunkID, err error) error {
	name := chunkdir.ChunkName(id)
	_, other := errors.AsType[*engram.MismatchError](err)
	switch {
	case errors.Is(err, engram.ErrNoFile) && s.git.Deleted(name): // its path has the id, and the rest has not
		return fmt.Errorf("chunk %s: %w, and %w: `%s` brings it back", id, err, ErrDeleted, s.command("checkout --", name))
	case errors.Is(err, engram.ErrNoFile) || !s.git.Has(name):
	case other:
		return fmt.Errorf("%w, and %w", err, ErrEdited)
	case errors.Is(err, engram.ErrDamaged):
		return fmt.Errorf("%w, and %w", err, ErrCommitted)
	}
	return err
}

// ExplainMissing lets git say which of the chunks whose files are missing it has.
func ExplainMissing(ctx context.Context, ws *workspace.Workspace, dir syncer.Local, failed []work.Failure) {
	var around *Around
	for i, f := range failed {
		id, err := engram.ParseChunkID(f.ID)
		opened, ok := dir.(workspace.Directory)
		if err != nil || !ok || !errors.Is(f.Err, engram.ErrNoFile) {
			continue
		}
		if around == nil { // git is asked only if there is something to ask
			looked := LookAround(ctx, ws, opened)
			around = &looked
		}
		failed[i].Err = around.explain(id, f.Err)
	}
}

func (s Around) countUnknown(ids []engram.ChunkID) (ignored, untracked int) {
	for _, id := range ids {
		switch name := chunkdir.ChunkName(id); {
		case s.git.Ignored(name):
			ignored++
		case s.git.Untracked(name):
			untracked++
		}
	}
	return ignored, untracked
}

// leftover is the warning of something beside the chunks; "" where it does no harm.
func (s Around) leftover(name string) string {
	path := s.path(name)
	switch {
	case name == chunkdir.DirName:
		return fmt.Sprintf("another chunk directory lies in this one, where nothing reads it: move the files of %s into %s, then run `engram-sync verify --repair`",
			filepath.Join(path, "chunks"), s.path("chunks"))
	case s.git.Has(name):
		return fmt.Sprintf("this file of engram's own is in the repository, with all that it holds: `%s` takes it out, and .gitignore keeps it out", s.command("rm --cached", name))
	case s.git.Ignored(name):
		return ""
	}
	return fmt.Sprintf("this file of engram's own lies beside the chunks, and must not be committed: move it away, or name %s in .gitignore", path)
}

// command is one of git's about a path in the directory, as it works from the working directory, which --dir may have left in
// another work tree or in none.
func (s Around) command(verb, name string) string {
	if wd, err := os.Getwd(); err == nil && git.Top(wd) == git.Top(s.dir.Path()) {
		return "git " + verb + " " + workspace.ShellWord(s.path(name))
	}
	return "git -C " + workspace.ShellWord(s.path("")) + " " + verb + " " + workspace.ShellWord(name)
}

// path is a path in the directory, seen from the working directory if that is shorter.
func (s Around) path(name string) string { return workspace.Shorter(filepath.Join(s.dir.Path(), name)) }

// WarnOfLeftovers tells whoever moves chunks that a database lies beside them.
func WarnOfLeftovers(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, dir workspace.Directory) {
	names := dir.Leftovers()
	if len(names) == 0 {
		return
	}
	around := LookAround(ctx, ws, dir)
	for _, name := range names {
		if text := around.leftover(name); text != "" {
			term.Warn(name + ": " + text)
		}
	}
}
