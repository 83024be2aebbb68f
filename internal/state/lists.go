package state

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

const (
	maxListTag   = 256
	maxListFiles = 16 // the oldest go: one may have 64 MB
)

// Lists keeps the last list of chunks that a server gave, under the server's tag for it, so
// that it need not be sent again: the tag in a line, the text, and the SHA-256 of both. What
// can't be kept or read is sent again. It implements protocol.Lists.
type Lists struct {
	root Root
	path string
}

// ListsOf gives the place for the list of a remote.
func ListsOf(root Root, remote string) Lists {
	return Lists{root, root.Path("lists", fileName(remote)+".list")}
}

var errListChanged = errors.New("it is not what was kept")

// Last opens the list that was kept last; its tag is "" where there is none. The caller closes it.
func (l Lists) Last() (tag string, text io.ReadCloser, size int64) {
	f, err := sharing.Open(l.path)
	if err != nil {
		return "", nil, 0
	}
	kept := &keptList{file: f, sum: sha256.New()}
	if tag = kept.begin(); tag == "" {
		_ = f.Close() // only read
		return "", nil, 0
	}
	return tag, kept, kept.size
}

// keptList reads the text, and ends well only if it is what was written.
type keptList struct {
	file *os.File
	size int64
	text *bufio.Reader
	sum  hash.Hash
}

// begin reads the tag, "" where there is none.
func (k *keptList) begin() string {
	info, err := k.file.Stat()
	if err != nil {
		return ""
	}
	k.size = info.Size() - sha256.Size
	k.text = bufio.NewReader(io.TeeReader(io.LimitReader(k.file, k.size), k.sum))
	line, err := k.text.ReadString('\n')
	if err != nil || len(line) > maxListTag {
		return ""
	}
	return strings.TrimSuffix(line, "\n")
}

func (k *keptList) Read(p []byte) (int, error) {
	n, err := k.text.Read(p)
	if err != io.EOF {
		return n, err
	}
	sum := make([]byte, sha256.Size)
	if _, err := io.ReadFull(k.file, sum); err != nil || string(sum) != string(k.sum.Sum(nil)) {
		return n, errListChanged
	}
	return n, io.EOF
}

func (k *keptList) Close() error { return k.file.Close() }

// Keep hands write a place for a list of this tag. It is kept if write fails with nothing;
// else what was kept before stays.
func (l Lists) Keep(tag string, write func(io.Writer) error) error {
	f := l.create(tag)
	if f == nil {
		return write(io.Discard)
	}
	defer func() { _ = f.Discard() }() // does nothing after Commit
	sum := sha256.New()
	to := &forgiving{io.MultiWriter(f, sum), nil}
	_, _ = io.WriteString(to, tag+"\n")
	if err := write(to); err != nil {
		return err
	}
	if _, err := f.Write(sum.Sum(nil)); cmp.Or(to.err, err) == nil && f.Commit() == nil {
		_ = prune(l.path, maxListFiles)
	}
	return nil
}

// create begins the file; nil where there can be none.
func (l Lists) create(tag string) *atomicfile.File {
	if len(tag) >= maxListTag || strings.Contains(tag, "\n") || l.root.looks && !exists(l.path) {
		return nil
	}
	dir := filepath.Dir(l.path)
	if os.MkdirAll(dir, 0o700) != nil {
		return nil
	}
	atomicfile.SweepOld(dir)
	f, err := atomicfile.Create(l.path, 0o600)
	if err != nil {
		return nil
	}
	return f
}

// forgiving takes everything, and keeps the first error.
type forgiving struct {
	w   io.Writer
	err error
}

func (f *forgiving) Write(p []byte) (int, error) {
	if f.err == nil {
		_, f.err = f.w.Write(p)
	}
	return len(p), nil
}
