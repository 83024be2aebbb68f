package chunkdir_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
)

const spoiled = "{\"version\":1,\"chunks\":[\n<<<<<<< HEAD\n" +
	`{"id":"11111111","created_at":"2026-11-22T09:15:00Z"}` + "\n=======\n" +
	`{"id":"22222222","created_at":"2026-11-22T09:15:00Z"}` + "\n>>>>>>> other\n]}\n"

func TestAManifestIsReplacedOnlyIfItIsStillTheSame(t *testing.T) {
	path := t.TempDir()
	manifest := filepath.Join(path, "manifest.json")
	if err := os.WriteFile(manifest, []byte(spoiled), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := chunkdir.Open(path, chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.RecoverManifest(t.Context())
	if err != nil || len(r.Manifest.Entries()) != 2 || !errors.Is(r.Cause, engram.ErrConflictMarkers) {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := os.WriteFile(manifest, []byte(spoiled+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.ReplaceManifest(t.Context(), r.Text, r.Manifest); err == nil || !strings.Contains(err.Error(), "keeps writing") {
		t.Errorf("what somebody wrote meanwhile was replaced: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.ReplaceManifest(ended, []byte(spoiled+"\n"), r.Manifest); !errors.Is(err, context.Canceled) {
		t.Errorf("after an interruption: %v", err)
	}
	if err := d.ReplaceManifest(t.Context(), []byte(spoiled+"\n"), r.Manifest); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(manifest)
	if err != nil || string(text) != string(r.Manifest.Bytes()) {
		t.Errorf("the file holds %s, %v", text, err)
	}
	filekit.WantPrivate(t, manifest)
	if files, err := os.ReadDir(path); err != nil || len(files) != 1 {
		t.Errorf("left: %v, %v", files, err)
	}
}

func TestRecoveringAGoodOrAMissingManifestIsReadingIt(t *testing.T) {
	path := t.TempDir()
	d, err := chunkdir.Open(path, chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", `{"version":1,"chunks":[{"id":"11111111","created_at":"2026-11-22T09:15:00Z"}]}`} {
		want := 0
		if text != "" {
			want = 1
			if err := os.WriteFile(filepath.Join(path, "manifest.json"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := d.RecoverManifest(t.Context())
		if err != nil || r.Cause != nil || len(r.Manifest.Entries()) != want {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}
