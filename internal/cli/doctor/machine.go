package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/place"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// machine looks at what is needed before any chunk or server comes in.
func (e *exam) machine(_ context.Context, f *findings) {
	f.ok("version", "%s", command.VersionLine(e.ws.Version))
	e.configuration(f)
	if runtime.GOOS == "windows" {
		f.skip("this system has lists of rights, which doctor does not judge", "permissions")
	} else {
		e.permissions(f)
	}
	e.space(f)
}

func (e *exam) configuration(f *findings) {
	path, namedBy := e.ws.Inputs.File()
	if namedBy == "" {
		namedBy = "the usual place"
	}
	switch _, err := os.Stat(path); {
	case e.wrong != nil:
		hint := "correct it there"
		if e.wrong.Source == path && e.wrong.Key != "" {
			hint = "correct it there, or run `engram-sync config unset " + e.wrong.Key + "`"
		}
		f.fail("configuration", hint, e.wrong)
	case err != nil:
		f.ok("configuration", "there is no %s (%s): what counts are flags, variables and defaults", path, namedBy)
	default:
		f.ok("configuration", "%s (%s)", path, namedBy)
	}
	for _, text := range e.ws.Config.Warnings {
		f.warn("configuration", "", "%s", text)
	}
	if e.wrong != nil {
		return
	}
	for _, s := range config.List(e.ws.Config) {
		if s.Source != "default" && s.Value != "" {
			f.ok("setting", "%s = %s, from %s", s.Key, shownValue(s), s.Source)
		}
	}
}

// shownValue is the value of a setting. Of a command only the program: an argument can be a secret.
func shownValue(s config.Setting) string {
	var words []string
	if strings.HasSuffix(s.Key, "token_command") && json.Unmarshal([]byte(s.Value), &words) == nil && len(words) > 1 {
		return fmt.Sprintf("%s, with %s", words[0], terminal.Count(len(words)-1, "argument"))
	}
	return s.Value
}

// permissions looks for files of ours and of engram's that are open to others.
func (e *exam) permissions(f *findings) {
	config, _ := e.ws.Inputs.File()
	data := e.ws.DataDir()
	bad := 0
	for _, c := range []struct {
		path  string
		open  fs.FileMode // what others must not be able to do
		what  string
		chmod string
		fails bool // commands that need it fail
	}{
		{config, 0o022, "others can change your settings, and so name a program that you run", "go-w", false},
		{state.Dir(), 0o077, "others can see what is remembered between runs", "700", false},
		{e.ws.CredentialFile().Path(), 0o077, "others can read the tokens, so no command takes them", "600", true},
		{data, 0o077, "others can read engram's files, which hold every memory", "700", false},
	} {
		info, err := os.Stat(c.path)
		if err != nil || info.Mode().Perm()&c.open == 0 {
			continue
		}
		bad++
		hint := fmt.Sprintf("run `chmod %s %s`", c.chmod, workspace.ShellWord(c.path))
		message := fmt.Sprintf("%s has mode %#o: %s", c.path, info.Mode().Perm(), c.what)
		if c.fails {
			f.fail("permissions", hint, errors.New(message))
		} else {
			f.warn("permissions", hint, "%s", message)
		}
	}
	for _, path := range []string{state.Dir(), filepath.Dir(config)} {
		path = nearest(path)
		if err := place.Writable(path); err != nil {
			bad++
			f.fail("permissions", mayWrite(path), fmt.Errorf("%s cannot be written: %w", path, err))
		}
	}
	if bad == 0 {
		f.ok("permissions", "nothing of yours is open to others")
	}
}

// mayWrite is what makes a directory one that the user can write in: where not even its owner can, its mode is wrong.
func mayWrite(path string) string {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o300 != 0o300 {
		return "run `chmod u+rwx " + workspace.ShellWord(path) + "`"
	}
	return fmt.Sprintf("make it yours: `sudo chown -R %s %s`", owner(), workspace.ShellWord(path))
}

// owner is the user that a file ought to belong to, for a shell.
func owner() string { return fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()) }

// Bounds of the space that is left on a disk.
const (
	littleSpace = 100 << 20
	noSpace     = 1 << 20
)

// space looks at the disks that are written to.
func (e *exam) space(f *findings) {
	dir, _ := os.Getwd()
	if d, err := e.ws.OpenDirectory(); err == nil {
		dir = d.Path()
	}
	told := map[int64]bool{} // a disk that holds several is told once
	for _, path := range []string{dir, state.Dir(), e.ws.DataDir()} {
		if path == "" {
			continue
		}
		free, err := place.Free(nearest(path))
		switch {
		case errors.Is(err, place.ErrUnknown):
			f.skip(err.Error(), "space")
			return
		case err != nil:
			f.warn("space", "", "how much is free for %s is not known: %v", path, err)
		case !told[free]:
			judgeSpace(f, path, free)
		}
		told[free] = err == nil
	}
}

func judgeSpace(f *findings, path string, free int64) {
	switch {
	case free < noSpace:
		f.fail("space", "", fmt.Errorf("%s are free for %s: %w", terminal.Size(free), path, syscall.ENOSPC))
	case free < littleSpace:
		f.warn("space", "free some space", "%s are free for %s", terminal.Size(free), path)
	default:
		f.ok("space", "%s are free for %s", terminal.Size(free), path)
	}
}

// nearest is the path, or the nearest directory above it that is there.
func nearest(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// engram looks at engram's own files.
func (e *exam) engram(ctx context.Context, f *findings) {
	e.cloudFile(f)
	db, err := surroundings.OpenDatabase(ctx, e.ws)
	switch {
	case err != nil:
		f.fail("database", "", err)
		f.skip("engram.db cannot be read", "memories")
	case db == nil:
		if len(f.have()) == 0 {
			f.ok("plaintext", "no token lies in a file of engram's")
		}
		f.skip("there is no "+filepath.Join(e.ws.DataDir(), surroundings.DatabaseName), "database", "memories")
	default:
		columns, err := db.PlaintextTokens(ctx)
		if err != nil {
			f.fail("plaintext", "", err)
		}
		for _, column := range columns {
			f.warn("plaintext", "have that token replaced at its server: engram.db is engram's to change, and keeps the text",
				"%s holds a token in plain text, in %s", db.Path(), column)
		}
		if len(f.have()) == 0 {
			f.ok("plaintext", "no token lies in a file of engram's")
		}
		if g, err := surroundings.DatabaseGeneration(ctx, e.ws, db); err != nil {
			f.fail("database", "", err)
		} else {
			f.ok("database", "%s, of engram %s", db.Path(), g)
			e.learn(func(all *surroundings.Generations) { all.Database = g.String() })
		}
		e.memories(ctx, f)
	}
}

// cloudFile looks for tokens in engram's cloud.json: names, never values.
func (e *exam) cloudFile(f *findings) {
	cloud, path, err := surroundings.ReadCloudFile(e.ws)
	switch {
	case errors.Is(err, fs.ErrNotExist) || e.ws.DataDir() == "":
	case err != nil:
		f.warn("plaintext", "see whether it holds a token", "%v", err)
	default:
		members := cloud.Secrets()
		if len(members) == 0 {
			return
		}
		hint := "run `engram-sync config import-engram --remove-plaintext`: it takes them over, and engram's own client is logged out"
		if cloud.Token == "" || cloud.ServerURL == "" {
			hint = "take that out of the file"
		}
		f.warn("plaintext", hint, "%s holds %s in plain text", path, strings.Join(members, " and "))
	}
}

// memories says what engram.db holds and no chunk does, as status does.
func (e *exam) memories(ctx context.Context, f *findings) {
	dir, _, err := e.ws.OpenDirectoryIfAny()
	if err != nil {
		f.skip("the chunk directory cannot be read", "memories")
		return
	}
	found, says := surroundings.MemoriesStatus(ctx, e.ws, dir, surroundings.NoticeBytes)
	text := says(0) // no remote was asked
	switch {
	case ctx.Err() != nil:
		f.fail("memories", "", context.Cause(ctx))
	case found == nil || found.Differs():
		hint := ""
		if at := strings.LastIndex(text, ": "); at >= 0 && found != nil {
			text, hint = text[:at], text[at+2:]
		}
		f.warn("memories", hint, "%s", text)
	default:
		f.ok("memories", "%s", text)
	}
}

// isNoDirectory says whether there is no chunk directory, rather than a bad one.
func isNoDirectory(err error) bool {
	_, missing := errors.AsType[*chunkdir.NotFoundError](err)
	return missing || errors.Is(err, fs.ErrNotExist)
}
