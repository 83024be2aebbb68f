package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/engram-sync/engram-sync/internal/repofile"
)

// maxFileBytes bounds a config file. Real ones have a few hundred bytes.
const maxFileBytes = 1 << 20

// readUserFile reads the user's own file. It must exist if somebody named it.
func readUserFile(path, namedBy string) (layer, error) {
	if path == "" && namedBy == "" {
		return newLayer(), nil
	}
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && namedBy == "" {
		return newLayer(), nil
	}
	if err != nil {
		return layer{}, fileError(path, namedBy, err)
	}
	return parseUserFile(path, data)
}

// readRepoFile reads the file of a repository, which anybody may have written.
func readRepoFile(path string) (layer, error) {
	if path == "" {
		return newLayer(), nil
	}
	f, _, err := repofile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newLayer(), nil
	}
	if errors.Is(err, repofile.ErrNotRegular) {
		err = fmt.Errorf("it is %w", repofile.ErrNotRegular)
	}
	if err != nil {
		return layer{}, fileError(path, "", err)
	}
	data, err := readAll(f)
	if err != nil {
		return layer{}, fileError(path, "", err)
	}
	return parseRepoFile(path, data)
}

func fileError(path, namedBy string, err error) error {
	var pathErr *fs.PathError
	cause := err
	if errors.As(err, &pathErr) {
		// Its operation and path say nothing new here.
		cause = pathErr.Err
	}
	reason := fmt.Sprintf("cannot read the config file: %v", cause)
	if namedBy != "" {
		reason += " (named by " + namedBy + ")"
	}
	return &Error{Source: path, Reason: reason, Err: err}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return readAll(f)
}

// readAll reads and closes a file.
func readAll(f *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("it is larger than %d bytes", maxFileBytes)
	}
	return data, cmp.Or(err, f.Close())
}
