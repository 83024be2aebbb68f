package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/place"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

var directoryChecks = []string{"directory", "chunks", "import", "git", "merge-driver", "project", "lock"}

// directory looks at the chunk directory, and what lies around it.
func (e *exam) directory(ctx context.Context, f *findings) {
	dir, err := e.ws.OpenDirectory()
	switch {
	case err != nil && isNoDirectory(err):
		f.warn("directory", "", "%v", err)
	case err != nil:
		f.fail("directory", "", err)
	default:
		e.opened(ctx, f, dir)
		return
	}
	e.project(f, nil)
	f.skip("there is no chunk directory here", "chunks", "import", "git", "merge-driver", "lock")
}

func (e *exam) opened(ctx context.Context, f *findings, dir workspace.Directory) {
	switch holder, err := dir.Holder(ctx); {
	case err != nil:
		f.fail("lock", "", err)
	case holder != nil:
		f.warn("lock", "", "%v", holder)
	default:
		f.ok("lock", "nobody has it")
	}
	e.mergeDriver(ctx, f, dir)
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		f.fail("directory", "", err)
		e.project(f, nil)
		f.skip("the manifest cannot be read", "chunks", "import", "git")
		return
	}
	e.project(f, func(project string) string { return otherRows(ctx, dir, m.Entries(), project) })
	blank, err := dir.Blank(ctx)
	switch {
	case err != nil:
		f.fail("directory", "", err)
	case place.Writable(dir.Path()) != nil:
		f.warn("directory", "make it yours, if you want to pull or export", "%s cannot be written", dir.Path())
	case blank:
		f.warn("directory", "let `engram-sync export` or `engram-sync pull` fill it", "%s holds nothing yet", dir.Path())
		f.skip("the directory holds nothing yet", "chunks", "import", "git")
		return
	default:
		g := surroundings.GenerationsHere(ctx, e.ws, dir, m)
		e.learn(func(all *surroundings.Generations) { all.Directory = g.Directory })
		f.ok("directory", "%s: %s, manifest version %d, of engram %s", dir.Path(), terminal.Count(len(m.Entries()), "chunk"), m.Version(), g.Directory)
	}
	around := surroundings.LookAround(ctx, e.ws, dir)
	e.git(ctx, f, around, dir)
	e.chunks(ctx, f, around, dir)
}

// chunks reads all of them, as verify does.
func (e *exam) chunks(ctx context.Context, f *findings, around surroundings.Around, dir workspace.Directory) {
	report, err := verification.Verify(ctx, dir, verification.Options{
		Concurrency: e.ws.Config.Concurrency, Readers: surroundings.Readers(ctx, e.ws, nil), Memory: surroundings.Memory(e.ws.State(), e.ws, dir), Full: true,
	})
	if err == nil {
		err = around.Judge(ctx, &report, false)
	}
	switch {
	case ctx.Err() != nil:
		f.fail("chunks", "", context.Cause(ctx))
		f.fail("import", "", context.Cause(ctx))
		return
	case err != nil:
		f.fail("chunks", "", err)
		f.skip("the chunks cannot be read", "import")
		return
	}
	var bad []work.Failure
	var told, imported []verification.Finding
	for _, n := range report.Findings {
		switch {
		case !n.Harmless:
			bad = append(bad, work.Failure{ID: n.ID, Err: n.Err})
		case n.Reader != nil:
			imported = append(imported, n)
		default:
			told = append(told, n)
		}
	}
	tellBad(f, bad, report.Checked)
	if len(told) > 0 {
		f.warn("chunks", "`engram-sync verify` lists them", "%s, the first about %s: %s", terminal.Count(len(told), "warning"), command.IDText(told[0].ID), message(told[0]))
	}
	if len(bad)+len(told) == 0 {
		f.ok("chunks", "%s read (%s), none damaged or missing", terminal.Count(report.Checked, "chunk"), terminal.Size(report.Bytes))
	}
	tellImport(f, report.Readers, imported)
}

// tellBad says what is damaged or missing: a line for the first of each kind of next step.
func tellBad(f *findings, bad []work.Failure, checked int) {
	if len(bad) == 0 {
		return
	}
	err := bad[0].Err
	for _, one := range bad {
		if problem.Code(one.Err) == problem.Damaged {
			err = one.Err
			break
		}
	}
	ids := command.Texts(bad, func(b work.Failure) string { return command.IDText(b.ID) })
	const most = 5
	more := ""
	if len(ids) > most {
		ids, more = ids[:most], ", …"
	}
	f.add(finding{
		Check: "chunks", Verdict: failed, Code: problem.CodeOfAll(checked, bad), Hint: "`engram-sync verify` says of each how to fix it",
		Message: terminal.Count(len(bad), "chunk") + " of the directory failed (" + strings.Join(ids, ", ") + more + "), the first: " + terminal.OneLine(err.Error()),
	})
}

func message(n verification.Finding) string {
	text := terminal.OneLine(n.Err.Error())
	if n.Row != nil {
		return n.Row.List + "." + n.Row.Field + " " + text
	}
	return text
}

// tellImport says what the import of teammates would make of the directory.
func tellImport(f *findings, by []engram.Generation, found []verification.Finding) {
	names := command.Texts(by, engram.Generation.String)
	if len(found) == 0 {
		f.ok("import", "an import by engram %s takes all of it", strings.Join(names, ", "))
		return
	}
	first := found[0]
	for _, n := range found {
		if worseEffect(n) < worseEffect(first) {
			first = n
		}
	}
	f.warn("import", "`engram-sync verify --for "+strings.Join(names, ",")+"` lists them",
		"an import by a teammate would not take all as it is meant: %s, the worst about %s: %s", terminal.Count(len(found), "finding"), command.IDText(first.ID), message(first))
}

// effects are what readers do, the worst first.
var effects = []readers.Effect{readers.Refuses, readers.Stalls, readers.Loses, readers.Returns, readers.Replaces, readers.Skips, readers.Drops}

func worseEffect(n verification.Finding) int {
	worst := len(effects)
	for _, effect := range n.Reader.Effects {
		if at := slices.Index(effects, effect); at >= 0 {
			worst = min(worst, at)
		}
	}
	return worst
}

// git says of which chunks nobody else will ever hear.
func (e *exam) git(ctx context.Context, f *findings, around surroundings.Around, dir workspace.Directory) {
	warnings, err := around.Warnings(ctx)
	if err != nil {
		f.fail("git", "", err)
	}
	for _, n := range warnings {
		text, hint := terminal.OneLine(n.Err.Error()), ""
		if before, after, found := strings.Cut(text, ": `"); found {
			text, hint = before, "`"+after
		}
		if n.ID != "chunks" {
			text = n.ID + ": " + text
		}
		f.warn("git", hint, "%s", text)
	}
	switch {
	case len(warnings) > 0 || err != nil:
	case ctx.Err() != nil:
		f.fail("git", "", context.Cause(ctx))
	case git.Top(dir.Path()) == "":
		f.skip("the chunk directory is in no git work tree", "git")
	case !around.GitTold():
		f.warn("git", "see what `git status` says there", "git could not be asked: is it installed?")
	default:
		f.ok("git", "it has every chunk file")
	}
}

// mergeDriver says whether a merge of two branches would conflict in the manifest, and whether git can show chunks.
func (e *exam) mergeDriver(ctx context.Context, f *findings, dir workspace.Directory) {
	const check, install = "merge-driver", "run `engram-sync git setup`"
	driver, err := git.FindDriver(ctx, e.ws.Environ, dir.Path(), chunkdir.ManifestName, chunkdir.ChunksName, chunkdir.ChunkSuffix)
	if _, none := errors.AsType[*git.SetupError](err); none {
		f.skip("the chunk directory is in no git work tree, or there is no git", check)
		return
	}
	var other, otherText string
	var configured, shown bool
	for _, ask := range []func() error{
		func() (err error) { other, err = driver.Overruled(ctx, git.Merge); return err },
		func() (err error) { otherText, err = driver.Overruled(ctx, git.Diff); return err },
		func() (err error) { configured, err = driver.Configured(ctx, git.Merge); return err },
		func() (err error) { shown, err = driver.Configured(ctx, git.Diff); return err },
	} {
		if err == nil {
			err = ask()
		}
	}
	switch {
	case err != nil:
		f.fail(check, "", err)
	case other != "" && other != "unspecified" && other != "unset":
		f.warn(check, install, "the attributes choose another for the manifest: %s", terminal.Visible(other))
	case other != "":
		f.warn(check, install, "branches that both add chunks conflict in the manifest")
	case !configured:
		f.warn(check, install, "the repository wants it, and this clone was not told how to run it")
	case otherText != "" || !shown:
		f.warn(check, install, "installed, but `git diff` shows no memories: it says of chunks that they are binary")
	default:
		f.ok(check, "installed, and `git diff` shows memories")
	}
}
