package cli

import (
	"bytes"
	"strings"
)

// getenv is a variable of the user's environment. The last one counts.
func (u *user) getenv(name string) string {
	value := ""
	for _, pair := range u.env {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

// tell is run with a line on stdin.
func (u *user) tell(code int, stdin string, args ...string) (stdout, stderr string) {
	u.t.Helper()
	cmd := u.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin+"\n"), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		u.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		u.t.Fatalf("engram-sync %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// withFileStore makes a user keep tokens in a file.
func withFileStore(u *user) *user {
	u.env = append(u.env, "ENGRAM_SYNC_CREDENTIAL_STORE=file")
	return u
}
