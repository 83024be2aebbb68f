package peer

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

// gunzip does nothing but the bare work on chunk files, which is that of a push and of verify: it
// unpacks each and hashes it.
func gunzip(_ context.Context, args []string, _, _ io.Writer) error {
	dir := ""
	if err := flags("gunzip", args, func(set *flag.FlagSet) { set.StringVar(&dir, "dir", "", "") }); err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "chunks", "*.jsonl.gz"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no chunks in %s: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	unpacked := new(gzip.Reader)
	for _, path := range paths {
		if err := gunzipOne(path, unpacked); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func gunzipOne(path string, unpacked *gzip.Reader) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	if err := unpacked.Reset(file); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, unpacked); err != nil {
		return err
	}
	if id := fmt.Sprintf("%x", sum.Sum(nil)[:4]); id != strings.TrimSuffix(filepath.Base(path), ".jsonl.gz") {
		return errors.New("it hashes to " + id)
	}
	return nil
}

// pack does the bare work of a pull or an export on one file: it hashes it, compresses it as engram
// does, and keeps nothing.
func pack(_ context.Context, args []string, _, _ io.Writer) error {
	path := ""
	if err := flags("gzip", args, func(set *flag.FlagSet) { set.StringVar(&path, "file", "", "") }); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	w := gzip.NewWriter(io.Discard)
	if _, err := io.Copy(io.MultiWriter(sha256.New(), w), file); err != nil {
		return fmt.Errorf("compress %s: %w", path, err)
	}
	return w.Close()
}

// syncEach adds texts to a file and waits for the disk after each, as a server does that syncs for each
// push; it prints how long all of them took.
func syncEach(_ context.Context, args []string, stdout, _ io.Writer) error {
	path, times, size := "", 0, 0
	if err := flags("fsync", args, func(set *flag.FlagSet) {
		set.StringVar(&path, "file", "", "")
		set.IntVar(&times, "times", 0, "")
		set.IntVar(&size, "size", 0, "")
	}); err != nil {
		return err
	}
	text := []byte(corpus.NewAuthor(1).Text(size))
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // synced
	began := time.Now()
	for range times {
		if _, err := file.Write(text); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(stdout, time.Since(began).Seconds())
	return err
}
