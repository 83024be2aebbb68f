package verification_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/verification"
)

var checking = verification.Options{Concurrency: 3}

// finding is what a test wants of a verification.Finding.
type finding struct {
	ID, Where string
	Kind      string
	Harmless  bool
}

// kinds name what findings are about.
var kinds = []struct {
	name string
	err  error
}{
	{"damaged", engram.ErrDamaged}, {"no file", engram.ErrNoFile}, {"orphan", verification.ErrOrphan},
	{"stray", verification.ErrStray},
	{"bad id", engram.ErrBadChunkID},
}

func findingsOf(r verification.Report) []finding {
	var list []finding
	for _, f := range r.Findings {
		if errors.Is(f.Err, verification.ErrBlank) {
			continue // the rows of these tests are short
		}
		kind := f.Err.Error()
		if _, ok := errors.AsType[*verification.CountsError](f.Err); ok {
			kind = "counts"
		}
		if f.Reader != nil && f.Harmless {
			kind = string(f.Reader.Problem)
		}
		for _, k := range kinds {
			if errors.Is(f.Err, k.err) {
				kind = k.name
				break
			}
		}
		list = append(list, finding{f.ID, f.Where, kind, f.Harmless})
	}
	return list
}

// TestVerify has one thing of each kind that can be wrong.
func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*side) engram.ChunkID
		want  *finding // its ID is filled in
	}{
		{"good", func(s *side) engram.ChunkID { return s.add(numbered(1)) }, nil},
		{"damaged", func(s *side) engram.ChunkID {
			id := s.add(numbered(1))
			s.content[id] = numbered(2)
			return id
		}, &finding{Kind: "damaged"}},
		{"cut off", func(s *side) engram.ChunkID {
			id := s.add(numbered(1))
			s.content[id] = numbered(1)[:10]
			return id
		}, &finding{Kind: "damaged"}},
		{"rows that are none", func(s *side) engram.ChunkID { return s.add(`{"sessions":5}`) }, &finding{Kind: "damaged"}},
		{"missing file", func(s *side) engram.ChunkID {
			id := s.add(numbered(1))
			delete(s.content, id)
			return id
		}, &finding{Kind: "no file"}},
		{"orphan", func(s *side) engram.ChunkID {
			id := s.add(numbered(1))
			s.entries = nil
			return id
		}, &finding{Kind: "orphan", Harmless: true}},
		{"other counts", func(s *side) engram.ChunkID {
			id := s.add(numbered(1))
			s.entries[0].Memories = 3
			return id
		}, &finding{Kind: "counts", Harmless: true}},
		{"a session that no chunk holds", func(s *side) engram.ChunkID {
			id := s.add(`{"prompts":[{"session_id":"gone"}]}`)
			s.entries[0].Prompts = 1
			return id
		}, &finding{Kind: "no_session", Harmless: true}},
		{"a session in another chunk", func(s *side) engram.ChunkID {
			id := s.add(`{"prompts":[{"session_id":"there"}]}`)
			s.entries[0].Prompts = 1
			s.add(`{"sessions":[{"id":"there"}]}`)
			s.entries[1].Sessions = 1
			return id
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			here := newSide()
			id := c.build(here)
			report, err := verification.Verify(t.Context(), here, checking)
			if err != nil {
				t.Fatal(err)
			}
			var want []finding
			if c.want != nil {
				c.want.ID, c.want.Where = id.String(), "here"
				want = []finding{*c.want}
			}
			if diff := cmp.Diff(want, findingsOf(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerifyStray reports a file that has no business there.
func TestVerifyStray(t *testing.T) {
	here := newSide()
	here.strays = []engram.Stray{{Name: "notes.txt", Reason: "not a chunk file"}}
	report, err := verification.Verify(t.Context(), here, checking)
	if err != nil {
		t.Fatal(err)
	}
	want := []finding{{"notes.txt", "here", "stray", true}}
	if diff := cmp.Diff(want, findingsOf(report)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestVerifyRemote checks what the server gives, and keeps nothing.
func TestVerifyRemote(t *testing.T) {
	there := newSide()
	there.add(numbered(1))
	bad := there.add(numbered(2))
	there.content[bad] = numbered(3)
	here := newSide()
	here.add(numbered(1))
	lost := here.add(numbered(4))
	both, err := syncer.Compare(t.Context(), here, remote{side: there}, syncer.CompareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := verification.VerifyRemote(t.Context(), both, checking)
	if err != nil {
		t.Fatal(err)
	}
	want := []finding{{bad.String(), "remote", "damaged", false}, {lost.String(), "remote", verification.ErrAbsent.Error(), false}}
	slices.SortFunc(want, func(a, b finding) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(want, findingsOf(report)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if report.Checked != 1 || report.Bytes != int64(len(numbered(1))) {
		t.Errorf("%d checked, %d bytes", report.Checked, report.Bytes)
	}
}

// TestVerifyInterrupted: half a verification is no verification.
func TestVerifyInterrupted(t *testing.T) {
	here := newSide()
	here.add(numbered(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verification.Verify(ctx, here, checking); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
