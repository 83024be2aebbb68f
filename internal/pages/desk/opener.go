// Package desk is what pages need of the machine they are made on: a listener on loopback, and a browser. Only browse calls it.
package desk

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/secret"
)

// Open opens an address in the browser of a user with this environment, if there is one to be seen.
func Open(ctx context.Context, environ []string, url string) error {
	opener := opener(runtime.GOOS, environ)
	if opener == nil {
		return nil
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), opener[0], append(opener[1:], url)...) //nolint:gosec // words of ours, and no shell
	cmd.Env = secret.WithoutTokens(environ)
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return nil // then it is not a desktop
	} else if err != nil {
		return err
	}
	go func() {
		defer panics.Guard()
		_ = cmd.Wait() // a browser may stay open for as long as it likes
	}()
	return nil
}

// opener is the command that opens addresses on a system, nil where nobody would see what it opens: in CI, in a session over ssh, and
// without a display.
func opener(system string, environ []string) []string {
	set := func(names ...string) bool {
		return slices.ContainsFunc(environ, func(pair string) bool {
			name, value, _ := strings.Cut(pair, "=")
			return value != "" && slices.Contains(names, name)
		})
	}
	if set("CI", "GITHUB_ACTIONS") {
		return nil
	}
	switch system {
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	case "darwin":
		if set("SSH_CONNECTION") {
			return nil
		}
		return []string{"open"}
	}
	if !set("DISPLAY", "WAYLAND_DISPLAY") {
		return nil
	}
	return []string{"xdg-open"}
}
