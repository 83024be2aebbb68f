package git

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// Unmerged are the three sides of a file that git has not finished merging, as its
// index has them: the common ancestor, ours and theirs. A side without the file, or with
// more than limit bytes, is nil. ok is false where there is nothing to merge, or no git.
func Unmerged(ctx context.Context, dir string, environ []string, name string, limit int64) (sides [3][]byte, ok bool) {
	repo := newRepository(dir, slices.Concat(environ, []string{"GIT_OPTIONAL_LOCKS=0"}))
	list, err := repo.run(ctx, "-c", "core.fsmonitor=false", "ls-files", "--unmerged", "-z", "--", ":(literal)"+name)
	if err != nil {
		return sides, false
	}
	for line := range strings.SplitSeq(list, "\x00") {
		about, _, _ := strings.Cut(line, "\t") // the path is the one that was asked for
		words := strings.Fields(about)         // mode, object and stage
		if len(words) != 3 || len(words[2]) != 1 || words[2] < "1" || words[2] > "3" {
			continue
		}
		text, err := repo.blob(ctx, words[1], limit)
		if err != nil {
			return sides, false
		}
		sides[words[2][0]-'1'], ok = text, true
	}
	return sides, ok
}

// Checkout is the command, but for the path, that brings a file of a directory back: as the
// index has it or, if good says no to that, the last commit. It is "" where neither
// has a good one of at most limit bytes, or there is no git.
func Checkout(ctx context.Context, dir string, environ []string, name string, limit int64, good func(text []byte) bool) string {
	repo := newRepository(dir, environ)
	for _, from := range []struct{ tree, command string }{{"", "git checkout -- "}, {"HEAD", "git checkout HEAD -- "}} {
		if text, err := repo.blob(ctx, from.tree+":./"+name, limit); err == nil && text != nil && good(text) {
			return from.command
		}
	}
	return ""
}

// blob gives the content of an object, nil if that is more than limit bytes.
func (r repository) blob(ctx context.Context, object string, limit int64) ([]byte, error) {
	text, err := r.run(ctx, "cat-file", "-s", object)
	if err != nil {
		return nil, err
	}
	if size, err := strconv.ParseInt(text, 10, 64); err != nil || size > limit {
		return nil, err
	}
	text, err = r.run(ctx, "cat-file", "blob", object)
	return []byte(text + "\n"), err // run takes the last newline away, and a manifest can do with one more
}
