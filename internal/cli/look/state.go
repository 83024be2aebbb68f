package look

import (
	"context"
	"os"
	"strings"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/look/places"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/comparison"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Words that stand for a state by themselves.
const (
	theRemote   = "remote"
	theDatabase = "database"
)

// state is where memories are compared.
type state struct {
	Kind string `json:"kind"` // directory, revision, remote or database
	Name string `json:"name"` // a path, what the user calls the revision and its commit, the remote's label
	place
}

type place = comparison.Place

// isPath says whether a word can only be a path.
func isPath(word string) bool {
	return strings.ContainsRune(word, '/') || strings.ContainsRune(word, os.PathSeparator) || word == "." || word == ".."
}

// state finds what a word stands for; "" is the chunk directory here.
func (d *differ) state(ctx context.Context, word string, conn *workspace.Connection) (state, error) {
	if name, is := strings.CutPrefix(word, "dir:"); is {
		return d.directoryState(d.ws.OpenDirectoryAt(name))
	}
	if name, is := strings.CutPrefix(word, "rev:"); is {
		s, err := d.revisionState(ctx, name)
		if err == nil && s.place == nil {
			err = terminal.Usagef("git knows no revision %.80q here", name)
		}
		return s, err
	}
	switch word {
	case "":
		return d.directoryState(d.ws.OpenDirectory())
	case theRemote:
		r, err := places.NewRemote(d.ws, conn)
		return state{theRemote, conn.Label, r}, err
	case theDatabase:
		return d.databaseState(ctx)
	}
	isDir := isPath(word) && chunkdir.Exists(word) || chunkdir.Near(word)
	s, err := d.revisionState(ctx, word)
	switch {
	case isDir && (err != nil || s.place == nil):
		return d.directoryState(d.ws.OpenDirectoryAt(word))
	case err != nil:
		return s, err
	case isDir:
		return s, terminal.Usagef("%.80q is a revision and a directory: write rev:%s or dir:%s", word, word, word)
	case s.place == nil:
		return s, terminal.Usagef("%.80q is no revision that git knows here, and no chunk directory; a state is one of these, or %s or %s", word, theRemote, theDatabase)
	}
	return s, nil
}

// directoryState is a directory, if it could be opened.
func (d *differ) directoryState(dir workspace.Directory, err error) (state, error) {
	if err != nil {
		return state{}, err
	}
	return state{"directory", workspace.Shorter(dir.Path()), places.NewDirectory(d.ws, dir)}, nil
}

// revisionState has no place where git knows none of this name.
func (d *differ) revisionState(ctx context.Context, name string) (state, error) {
	dir, err := d.ws.OpenDirectory()
	if err != nil {
		return state{}, err
	}
	r, err := places.FindRevision(ctx, d.ws, dir, name)
	switch {
	case err == nil && r == nil && name == "HEAD":
		return state{"revision", "HEAD (no commit yet)", nothing{}}, nil
	case err != nil || r == nil:
		return state{}, err
	}
	d.ends = append(d.ends, r.Close)
	return state{"revision", name + " (" + r.Commit[:min(len(r.Commit), 8)] + ")", r}, nil
}

// databaseState is the user's engram.db, of which only the rows of one project are compared.
func (d *differ) databaseState(ctx context.Context) (state, error) {
	db, err := surroundings.OpenDatabase(ctx, d.ws)
	if err != nil {
		return state{}, err
	}
	if db == nil {
		return state{}, terminal.Usagef("there is no %s in %s", surroundings.DatabaseName, terminal.Visible(d.ws.DataDir()))
	}
	rule, err := surroundings.RuleOf(ctx, db)
	if err != nil {
		return state{}, err
	}
	project, err := d.ws.FindProject(rule)
	if err != nil {
		return state{}, err
	}
	d.only(project.Name)
	return state{"database", workspace.Shorter(db.Path()), places.NewDatabase(db, d.term)}, nil
}

// nothing is a place without chunks.
type nothing struct{}

func (nothing) Chunks(context.Context) ([]memoryindex.Chunk, error) { return nil, nil }
func (nothing) Rows(context.Context, engram.ChunkID) (rows []history.Row, err error) {
	return nil, engram.ErrNoFile
}

// withStates gives the states that words stand for to use.
func (d *differ) withStates(ctx context.Context, words [2]string, use func(a, b state) error) error {
	defer func() {
		for _, end := range d.ends {
			end()
		}
	}()
	find := func(conn *workspace.Connection) error {
		a, err := d.state(ctx, words[0], conn)
		if err != nil {
			return err
		}
		b, err := d.state(ctx, words[1], conn)
		if err != nil {
			return err
		}
		return use(a, b)
	}
	if words[0] != theRemote && words[1] != theRemote {
		return find(nil)
	}
	return d.ws.With(ctx, func(conn *workspace.Connection) error {
		if err := command.UseProject(ctx, d.term, d.ws, conn); err != nil {
			return err
		}
		if conn.PerProject() {
			d.only(conn.Project.Name)
		}
		return find(conn)
	})
}
