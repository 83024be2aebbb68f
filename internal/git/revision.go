package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Revision is a directory as one commit has it. Its methods may be called by several goroutines. Close ends the git that reads
// for it.
type Revision struct {
	Commit string // its full name

	repository repository
	inside     string // the directory, from the top of the work tree

	mu    sync.Mutex
	batch *batch
}

// FindRevision gives what a user calls a revision (gitrevisions(7)), for a directory in a work tree; nil where git knows none by
// that name.
func FindRevision(ctx context.Context, environ []string, dir, name string) (*Revision, error) {
	repo, inside, err := workTree(ctx, environ, dir)
	if err != nil {
		return nil, err
	}
	commit, err := repo.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if _, no := errors.AsType[*commandError](err); no {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Revision{Commit: commit, repository: repo, inside: inside}, nil
}

// Branches are the names of the branches and tags of the repository around a directory, those with the newest commits first, at most
// so many; none where git has none, or cannot say.
func Branches(ctx context.Context, environ []string, dir string, most int) []string {
	text, err := newRepository(dir, environ).run(ctx, "for-each-ref", "--format=%(refname:short)", "--sort=-creatordate", "--count="+strconv.Itoa(most), "refs/heads", "refs/tags")
	if err != nil {
		return nil
	}
	return strings.Fields(text) // no name has a space in it
}

// TreeFile is a file of a revision.
type TreeFile struct {
	Object string
	// Regular: it is a file, and no link or submodule.
	Regular bool
}

// Files are the files of the directory and below, by their paths in it, with slashes. None is no error.
func (r *Revision) Files(ctx context.Context) (map[string]TreeFile, error) {
	tree := r.Commit
	if r.inside != "." {
		var err error
		tree, err = r.repository.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", r.Commit+":"+r.inside)
		if _, no := errors.AsType[*commandError](err); no {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	text, err := r.repository.run(ctx, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
	if err != nil {
		return nil, err
	}
	files := map[string]TreeFile{}
	for line := range strings.SplitSeq(text, "\x00") {
		about, name, found := strings.Cut(line, "\t")
		if words := strings.Fields(about); found && len(words) == 3 { // mode, type and object
			files[name] = TreeFile{words[2], strings.HasPrefix(words[0], "100")}
		}
	}
	return files, nil
}

// Changed says which files of the directory, by their paths in it, have other bytes in the work tree than here, or may have. A
// file that git does not have is not among them.
func (r *Revision) Changed(ctx context.Context) (map[string]bool, error) {
	text, err := r.repository.run(ctx, "diff-index", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all",
		r.Commit, "--", ":(top,literal)"+r.inside)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for name := range strings.SplitSeq(text, "\x00") {
		if r.inside != "." {
			name = strings.TrimPrefix(name, r.inside+"/")
		}
		changed[path.Clean(name)] = true
	}
	return changed, nil
}

// TooLargeError says that an object is larger than somebody wants it.
type TooLargeError struct{ Size, Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("git has it with %d bytes, more than %d", e.Size, e.Limit)
}

// ErrNoObject says that git names a file and does not have it, as in a partial clone.
var ErrNoObject = errors.New("git does not have its bytes here: `git fetch --refetch` brings them")

// Read gives the bytes of a file, at most limit of them.
func (r *Revision) Read(ctx context.Context, f TreeFile, limit int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if r.batch == nil {
		b, err := r.repository.startBatch(ctx)
		if err != nil {
			return nil, err
		}
		r.batch = b
	}
	text, err := r.batch.read(f.Object, limit)
	if err != nil && !errors.Is(err, ErrNoObject) { // what it says next is about this one still
		r.batch.end()
		r.batch = nil
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return text, err
}

// Close ends what Read has begun.
func (r *Revision) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.batch != nil {
		r.batch.end()
		r.batch = nil
	}
}

// batch is a git that gives the bytes of one object after the other.
type batch struct {
	in   io.WriteCloser
	out  *bufio.Reader
	stop func()
}

func (r repository) startBatch(ctx context.Context) (*batch, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "git", slices.Concat(carefully, []string{"cat-file", "--batch"})...)
	cmd.Dir, cmd.Env = r.dir, r.env
	in, err := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err = errors.Join(err, outErr); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("run git: %w", err)
	}
	return &batch{in, bufio.NewReaderSize(out, 64<<10), func() {
		cancel()
		_ = cmd.Wait() // it was ended
	}}, nil
}

func (b *batch) end() {
	_ = b.in.Close() // it is ended anyway
	b.stop()
}

func (b *batch) read(object string, limit int64) ([]byte, error) {
	if _, err := io.WriteString(b.in, object+"\n"); err != nil {
		return nil, fmt.Errorf("ask git: %w", err)
	}
	head, err := b.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read what git says: %w", err)
	}
	words := strings.Fields(head) // object, type and size
	if len(words) == 2 {
		return nil, ErrNoObject
	}
	if len(words) != 3 || words[1] != "blob" {
		return nil, fmt.Errorf("git cat-file says %q of a file", strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("git cat-file says %q of a file", strings.TrimSpace(head))
	}
	if size > limit {
		return nil, &TooLargeError{size, limit}
	}
	text := make([]byte, size+1) // and the end of its line
	if _, err := io.ReadFull(b.out, text); err != nil {
		return nil, fmt.Errorf("read what git says: %w", err)
	}
	return text[:size], nil
}
