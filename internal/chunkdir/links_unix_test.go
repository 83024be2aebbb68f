//go:build !windows

package chunkdir_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/repofile"
)

// A link in a work tree may lead anywhere in it. One that leads out is refused, however the
// directory is named, before anything is made or locked there.
func TestLinksInAWorkTreeStayInIt(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"repo/.git", "repo/sub", "repo/memories/chunks", "victim/.engram/chunks", "other/.git", "other/.engram"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"repo/.engram": "memories", "repo/sub/.engram": "../../victim/.engram", "repo/gone": "../new", "repo/way": "../victim", "repo/other": "../other",
		"into": "repo/sub", "mine": "victim/.engram",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, leaves := range map[string]bool{
		"repo/.engram": false, "repo/sub/.engram": true, "repo/gone": true, "repo/way/.engram": true, "repo/way/new": true, "repo/other/.engram": true, "other/.engram": false,
		"into/.engram": true, "mine": false, "victim/.engram": false,
	} {
		for _, open := range []func(string, chunkdir.Options) (*chunkdir.Dir, error){chunkdir.Open, chunkdir.Create} {
			_, err := open(filepath.Join(root, path), chunkdir.Options{})
			if _, is := errors.AsType[*repofile.LinkError](err); is != leaves || err != nil && !leaves {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if _, err := chunkdir.Discover(filepath.Join(root, "repo", "sub"), ""); !errors.As(err, new(*repofile.LinkError)) {
		t.Errorf("found by its name: %v", err)
	}
	if path, err := chunkdir.Discover(filepath.Join(root, "repo"), ""); err != nil || filepath.Base(path) != ".engram" {
		t.Errorf("a link within: %s, %v", path, err)
	}
	for _, made := range []string{"new", "victim/new"} {
		if _, err := os.Lstat(filepath.Join(root, made)); err == nil {
			t.Errorf("%s was made", made)
		}
	}
}
