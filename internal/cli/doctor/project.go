package doctor

import (
	"context"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/ownership"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// project says which one a transfer is about, and whether it may be: one that a file of the
// repository chose needs the user's word.
// otherRows, if it is not nil, names the projects of the chunks here where none has a row of that one.
func (e *exam) project(f *findings, otherRows func(project string) string) {
	const check = "project"
	p, err := e.ws.RepositoryProject()
	if err != nil {
		f.fail(check, "", err)
		return
	}
	claims, _ := e.ws.Claims() // an error of it is that of the project
	remote, none := e.ws.RemoteLabel()
	if none != nil {
		remote = ""
	}
	trusted := true
	for _, claim := range claims {
		if !e.ws.Trusts(claim, remote) {
			trusted = false
			untrusted := e.ws.Untrusted(claim, remote)
			f.add(finding{
				Check: check, Verdict: failed, Code: problem.Code(untrusted), Hint: "if that is right, run `engram-sync trust`",
				Message: untrusted.Choice() + ", and nothing moves before you allowed it",
			})
		}
	}
	switch {
	case !trusted:
	case p.Name == "":
		f.ok(check, "none: outside of a git work tree a directory holds all projects")
	default:
		text := terminal.Visible(p.Name) + ", from " + terminal.Visible(p.From)
		if otherRows != nil {
			if others := otherRows(p.Name); others != "" {
				f.warn(check, "if they are this repository's, name the project they have with --project, or in .engram-sync.yaml at its top",
					"%s, and no chunk here has a row of it: the rows are of %s", text, others)
				return
			}
		}
		f.ok(check, "%s", text)
	}
}

// otherRows names the projects of the rows of chunks, unless one of them has rows of
// the project, or none names any. What cannot be read names none.
func otherRows(ctx context.Context, dir workspace.Directory, entries []engram.ChunkEntry, project string) string {
	chunks := map[string]int{}
	for _, entry := range entries {
		if ctx.Err() != nil {
			return ""
		}
		for _, name := range projectsOf(dir, entry.ID) {
			if engram.ProjectKey(name) == engram.ProjectKey(project) {
				return ""
			}
			chunks[name]++
		}
	}
	const most = 3
	names := command.ByCount(chunks)
	more := ""
	if len(names) > most {
		names, more = names[:most], ", …"
	}
	return strings.Join(command.Texts(names, func(name string) string {
		return terminal.Visible(name) + " (" + terminal.Count(chunks[name], "chunk") + ")"
	}), ", ") + more
}

func projectsOf(dir workspace.Directory, id engram.ChunkID) []string {
	c, err := dir.OpenChunk(id)
	if err != nil {
		return nil // another check says so
	}
	defer func() { _ = c.Close() }() // only read
	p, err := engram.ReadRows(c, ownership.Read)
	if err != nil {
		return nil
	}
	return p.Names
}
