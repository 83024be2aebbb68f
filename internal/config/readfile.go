package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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

// readRepoFile reads the file of a repository, which anybody may have
// written: only a regular file, since opening others can block or act.
func readRepoFile(path string) (layer, error) {
	if path == "" {
		return newLayer(), nil
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newLayer(), nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return layer{}, fileError(path, "", err)
	}
	data, err := readFile(path)
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

func readFile(path string) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	data, err = io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("it is larger than %d bytes", maxFileBytes)
	}
	return data, err
}
