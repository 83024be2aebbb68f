package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// ErrTokenFile is wrapped by errors about the file that secret.TokenFileVariable names.
var ErrTokenFile = errors.New("read the token file of " + secret.TokenFileVariable)

// fromFile reads a token from a file, as a service manager or a container gives it. It may be
// a pipe; who else may read it is not looked at, since those who make such files decide that.
func fromFile(ctx context.Context, path string) (Source, error) {
	text, err := cancellable.Do(ctx, func() ([]byte, error) { // a pipe may have no writer
		f, err := sharing.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read
		return io.ReadAll(io.LimitReader(f, maxTokenBytes+1))
	})
	token := strings.TrimSpace(string(text))
	secret.Add(token) // before anything is said of it
	failed, _ := errors.AsType[*fs.PathError](err)
	switch {
	case failed != nil && !strings.ContainsAny(path, `/\`):
		// It may be the token itself, in the wrong variable.
		return Source{}, fmt.Errorf("%w: %s what it names, which is not repeated here: %w", ErrTokenFile, failed.Op, failed.Err)
	case err != nil:
		return Source{}, fmt.Errorf("%w: %w", ErrTokenFile, err)
	case len(text) > maxTokenBytes:
		return Source{}, fmt.Errorf("%w: %s has more than %d bytes, so it is no token", ErrTokenFile, path, maxTokenBytes)
	case token == "":
		return Source{}, fmt.Errorf("%w: %s is empty", ErrTokenFile, path)
	}
	return Fixed(token, secret.TokenFileVariable), nil
}
