package cli

import (
	"io/fs"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// everything lists what is below the directories of a user.
func (d *desk) everything() []string {
	d.t.Helper()
	roots := []string{filepath.Dir(d.repo)}
	for _, variable := range d.env {
		if home, ok := strings.CutPrefix(variable, "HOME="); ok {
			roots = append(roots, filepath.Dir(home))
		}
	}
	var all []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			all = append(all, path)
			return err
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

// Commands that only look create nothing, anywhere, whatever they look at, and
// whether the place was looked at before or not.
func TestLookingCreatesNothing(t *testing.T) {
	skipLong(t)
	project := httptest.NewServer(projectserver.New(projectserver.Options{Projects: []string{"repo"}, Token: "secret"}))
	t.Cleanup(project.Close)
	account := newWatchedServer(t)
	for _, remote := range []struct {
		name, url, token string
		code             int // of commands that need the remote
	}{
		{"a vault that is not there", "embedded", "", 2},
		{"a vault of one's own that is not there", "embedded:../nowhere", "", 2},
		{"an account server", account.url, account.token, 0},
		{"a project server", project.URL, "secret", 0},
	} {
		t.Run(remote.name, func(t *testing.T) {
			d := newDesk(t, release1161)
			d.env = append(d.env, "ENGRAM_SYNC_REMOTE="+remote.url, "ENGRAM_SYNC_TOKEN="+remote.token)
			d.save("obs-1", "08:00:00")
			d.engramSync(release1161, "09:00:00")
			d.save("obs-2", "08:30:00")
			before := d.everything()
			looks := func(code int, args ...string) {
				t.Helper()
				d.run(code, args...)
				if diff := cmp.Diff(before, d.everything()); diff != "" {
					t.Errorf("engram-sync %s (-before +after):\n%s", strings.Join(args, " "), diff)
				}
			}
			looks(remote.code, "status")
			looks(remote.code, "status", "--json", "--quiet")
			looks(remote.code, "manifest")
			looks(0, "manifest", "--local")
			looks(0, "verify")
			looks(0, "verify", "--repair", "--dry-run")
			looks(remote.code, "push", "--dry-run")
			looks(remote.code, "pull", "--dry-run")
			looks(remote.code, "pull", "--dry-run", "--dir", "../other")
			looks(remote.code, "sync", "--dry-run")
			looks(remote.code, "mutations", "push", "--db", "--dry-run")
			looks(0, "export", "--dry-run")
			looks(0, "diff", ".", "database")
			looks(remote.code, "diff", "remote")
			looks(0, "config", "list")
			looks(0, "config", "path")
			looks(remote.code, "doctor")
			if remote.code != 0 {
				looks(2, "push", "--init", "--dry-run")
				looks(2, "verify", "--remote", remote.url)
				looks(2, "pull", "--dir", d.dir())
				looks(2, "mutations", "pull")
			}
		})
	}
}
