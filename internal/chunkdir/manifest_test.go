package chunkdir_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

const oneEntry = `{
  "version": 1,
  "chunks": [
    {
      "id": "85b7093e",
      "created_by": "alice",
      "created_at": "2026-11-22T08:42:10Z",
      "sessions": 1,
      "memories": 2,
      "prompts": 1
    }
  ]
}`

func TestMissingManifestIsEmpty(t *testing.T) {
	m, err := emptyDir(t).ReadManifest(t.Context())
	if err != nil || len(m.Entries()) != 0 || m.Version() != 1 {
		t.Errorf("manifest %+v, error %v", m, err)
	}
}

// What is just bad is told at once, or nearly so, with file and place.
func TestBadManifestNamesFileAndPlace(t *testing.T) {
	for name, test := range map[string]struct{ text, place string }{
		"conflict markers": {"{\n<<<<<<< HEAD\n" + oneEntry[2:], "line 2: git conflict markers"},
		"id twice":         {strings.Replace(oneEntry, `"id"`, `"id": "x", "id"`, 1), "line 4, entry 1"},
		"not an object":    {"[]", "line 1"},
		"syntax":           {strings.Replace(oneEntry, `"version": 1,`, `"version": 1;`, 1), "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := emptyDir(t)
				put(t, filepath.Join(d.Path(), "manifest.json"), test.text)
				begin := time.Now()
				_, err := d.ReadManifest(t.Context())
				var bad *engram.ManifestError
				if !errors.As(err, &bad) || !errors.Is(err, engram.ErrDamaged) {
					t.Fatalf("error %v, want a ManifestError", err)
				}
				if errors.Is(err, engram.ErrConflictMarkers) != (name == "conflict markers") {
					t.Errorf("error %v is about the wrong thing", err)
				}
				if text := err.Error(); !strings.Contains(text, d.Path()) || !strings.Contains(text, test.place) {
					t.Errorf("error %q does not name the file and %q", text, test.place)
				}
				if took := time.Since(begin); took > 50*time.Millisecond {
					t.Errorf("it took %v to tell", took)
				}
			})
		})
	}
}

// engram truncates, then writes. A reader in between waits for the rest.
func TestTornManifestIsReadAgain(t *testing.T) {
	for _, torn := range []string{"", oneEntry[:20], oneEntry[:len(oneEntry)-4]} {
		synctest.Test(t, func(t *testing.T) {
			d := emptyDir(t)
			path := filepath.Join(d.Path(), "manifest.json")
			put(t, path, torn)
			var m *engram.Manifest
			var err error
			done := make(chan struct{})
			go func() {
				defer close(done)
				m, err = d.ReadManifest(t.Context())
			}()
			synctest.Wait() // until it waits for the rest
			put(t, path, oneEntry)
			<-done
			if err != nil || len(m.Entries()) != 1 {
				t.Errorf("torn to %d bytes: manifest %+v, error %v", len(torn), m, err)
			}
		})
	}
}

// Where engram died in between, that is said after a good second.
func TestTornManifestThatStaysIsDamage(t *testing.T) {
	for _, torn := range []string{"", oneEntry[:len(oneEntry)-4]} {
		synctest.Test(t, func(t *testing.T) {
			d := emptyDir(t)
			put(t, filepath.Join(d.Path(), "manifest.json"), torn)
			begin := time.Now()
			_, err := d.ReadManifest(t.Context())
			if !errors.Is(err, engram.ErrDamaged) {
				t.Errorf("error %v, want damage", err)
			}
			if took := time.Since(begin); took < time.Second || took > 2*time.Second {
				t.Errorf("it took %v to tell", took)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := d.ReadManifest(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("with an ended context: error %v", err)
			}
		})
	}
}

func TestHugeManifestIsRefused(t *testing.T) {
	d := emptyDir(t)
	path := filepath.Join(d.Path(), "manifest.json")
	put(t, path, "{")
	if err := os.Truncate(path, 64<<20+1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadManifest(t.Context()); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("error %v", err)
	}
}
