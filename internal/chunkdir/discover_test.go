package chunkdir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
)

// tree makes directories (names that end with /) and empty files, and gives
// the real path of where they are.
func tree(t *testing.T, paths ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		full := filepath.Join(root, path)
		if strings.HasSuffix(path, "/") {
			err = os.MkdirAll(full, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(full), 0o755); err == nil {
			err = os.WriteFile(full, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDiscover(t *testing.T) {
	for _, test := range []struct {
		name    string
		tree    []string
		start   string
		dataDir string
		want    string // the path found; with wantErr the path that the error names
		wantErr string
	}{
		{name: "at the top", tree: []string{"r/.git/", "r/.engram/"}, start: "r", want: "r/.engram"},
		{name: "from a subdirectory", tree: []string{"r/.git/", "r/.engram/", "r/a/b/"}, start: "r/a/b", want: "r/.engram"},
		{name: "the nearest", tree: []string{"r/.git/", "r/.engram/", "r/a/.engram/", "r/a/b/"}, start: "r/a/b", want: "r/a/.engram"},
		{name: "not above a nested repository", tree: []string{"r/.git/", "r/.engram/", "r/sub/.git/", "r/sub/x/"}, start: "r/sub/x", want: "r/sub", wantErr: "not found"},
		{name: "not above a linked work tree", tree: []string{"r/.git/", "r/.engram/", "r/wt/.git", "r/wt/x/"}, start: "r/wt/x", want: "r/wt", wantErr: "not found"},
		{name: "in a linked work tree", tree: []string{"wt/.git", "wt/.engram/", "wt/x/"}, start: "wt/x", want: "wt/.engram"},
		{name: "a file is none", tree: []string{"r/.git/", "r/.engram"}, start: "r", want: "r", wantErr: "not found"},
		{name: "outside git, right here", tree: []string{"d/.engram/"}, start: "d", want: "d/.engram"},
		{name: "outside git, planted above", tree: []string{".engram/", "d/"}, start: "d", wantErr: "not found"},
		{name: "home outside git", tree: []string{"home/.engram/engram.db"}, start: "home", want: "home/.engram", wantErr: "data"},
		{name: "repository below home", tree: []string{"home/.engram/engram.db", "home/r/.git/"}, start: "home/r", want: "home/r", wantErr: "not found"},
		{name: "home is a repository", tree: []string{"home/.git/", "home/.engram/cloud.json", "home/p/"}, start: "home/p", want: "home/.engram", wantErr: "data"},
		{name: "home is one, project has its own", tree: []string{"home/.git/", "home/.engram/engram.db", "home/p/.engram/"}, start: "home/p", want: "home/p/.engram"},
		{name: "known data directory without its files", tree: []string{"home/.git/", "home/.engram/"}, start: "home", dataDir: "home/.engram", want: "home/.engram", wantErr: "data"},
		{name: "data directory elsewhere", tree: []string{"r/.git/", "r/.engram/", "data/engram.db"}, start: "r", dataDir: "data", want: "r/.engram"},
		{name: "data directory not made yet", tree: []string{"r/.git/", "r/.engram/"}, start: "r", dataDir: "none", want: "r/.engram"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := tree(t, test.tree...)
			if test.dataDir != "" {
				test.dataDir = filepath.Join(root, test.dataDir)
			}
			want := ""
			if test.want != "" {
				want = filepath.Join(root, test.want)
			}
			start := filepath.Join(root, test.start)
			got, err := chunkdir.Discover(start, test.dataDir)
			var missing *chunkdir.NotFoundError
			var data *chunkdir.DataDirError
			switch {
			case test.wantErr == "" && (err != nil || got != want):
				t.Errorf("found %q, %v; want %q", got, err, want)
			case test.wantErr == "not found":
				file := ""
				if slices.Contains(test.tree, test.want+"/.engram") {
					file = filepath.Join(want, ".engram")
				}
				if !errors.As(err, &missing) || *missing != (chunkdir.NotFoundError{Start: start, GitTop: want, File: file}) {
					t.Errorf("found %q, %#v; want git top %q", got, err, want)
				}
			case test.wantErr == "data":
				if !errors.As(err, &data) || data.Path != want {
					t.Errorf("found %q, %#v; want data directory %q", got, err, want)
				}
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "--dir")) {
				t.Errorf("error %q is not one line with the way out", err)
			}
		})
	}
}

func TestDiscoverFromNowhere(t *testing.T) {
	if _, err := chunkdir.Discover(filepath.Join(t.TempDir(), "gone"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestOpenTakesOnlyChunkDirectories(t *testing.T) {
	root := tree(t, "file", "db/engram.db", "cloud/cloud.json", "plain/", "data/")
	opts := chunkdir.Options{DataDir: filepath.Join(root, "data")}
	var data *chunkdir.DataDirError
	for _, name := range []string{"db", "cloud", "data"} {
		if _, err := chunkdir.Open(filepath.Join(root, name), opts); !errors.As(err, &data) {
			t.Errorf("Open(%s) gives %v", name, err)
		}
		if _, err := chunkdir.Create(filepath.Join(root, name), opts); !errors.As(err, &data) {
			t.Errorf("Create(%s) gives %v", name, err)
		}
	}
	if _, err := chunkdir.Open(filepath.Join(root, "gone"), opts); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing gives %v", err)
	}
	for _, open := range []func(string, chunkdir.Options) (*chunkdir.Dir, error){chunkdir.Open, chunkdir.Create} {
		if _, err := open(filepath.Join(root, "file"), opts); err == nil {
			t.Error("a file is opened as a directory")
		}
		if d, err := open(filepath.Join(root, "plain"), opts); err != nil || d.Path() != filepath.Join(root, "plain") {
			t.Errorf("plain directory: %v, %v", d, err)
		}
	}
}

// The place where engram will put its data is not taken before it does.
func TestCreateKeepsOffAFutureDataDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home", ".engram")
	var data *chunkdir.DataDirError
	if _, err := chunkdir.Create(path, chunkdir.Options{DataDir: path}); !errors.As(err, &data) {
		t.Errorf("Create gives %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory was made (%v)", err)
	}
}
