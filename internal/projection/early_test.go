package projection_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// ofAlpha is what makes a row stand for itself: it says whose it is, and was not restored.
const ofAlpha = `,"project":"alpha","created_at":"2026-11-22 09:14:57"`

// early gives what Early gives of all chunks of a directory, in its order.
func (d *directory) early(t testing.TB, p *projection.Directory) map[engram.ChunkID]recognition.Projection {
	t.Helper()
	given := map[engram.ChunkID]recognition.Projection{}
	p.Early(t.Context(), d.ids, func(id engram.ChunkID, c recognition.Projection) bool {
		given[id] = c
		p.Forget(id)
		return true
	})
	return given
}

func asJSON(t *testing.T, c recognition.Projection) string {
	t.Helper()
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil || c.Err != nil {
		t.Fatal(err, c.Err)
	}
	return string(text)
}

// What is given early is what it will be once all chunks were read: those behind it can say
// what they like.
func TestWhatIsGivenEarlyIsFinal(t *testing.T) {
	gave, kept, seeds := 0, 0, uint64(300)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, 2)), plain: seed%3 > 0}
		d := newDirectory()
		for range 1 + m.IntN(8) {
			d.add(m.chunk())
			m.chunks++
		}
		opts := alpha
		opts.Strict, opts.IncludePersonal = seed%2 == 0, seed%5 == 0
		opts.Generation = engram.Gen1 + engram.Generation(seed%3)
		want, wantFrom := d.project(t, opts, t.TempDir())
		p := projection.NewDirectory(opts, d.open, t.TempDir(), 1+int(seed%3))
		given := d.early(t, p)
		gave, kept = gave+len(given), kept+len(d.ids)-len(given)
		got, err := p.Chunks(t.Context(), d.ids, d.ids)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range d.ids {
			if c, ok := given[id]; ok {
				if diff := cmp.Diff(asJSON(t, want[i]), asJSON(t, c)); diff != "" {
					t.Errorf("seed %d, chunk %d of %d (-in the end +early):\n%s\n%s", seed, i, len(d.ids), diff, d.content[id])
				}
			}
			if diff := cmp.Diff(asJSON(t, want[i]), asJSON(t, got[id])); diff != "" {
				t.Errorf("seed %d, chunk %d (-without +after what was given early):\n%s", seed, i, diff)
			}
			for _, part := range want[i].Parts {
				if d.part(t, p, id, part) != d.part(t, wantFrom, id, part) {
					t.Errorf("seed %d, chunk %d: another text", seed, i)
				}
			}
		}
	}
	if gave < int(seeds)/3 || kept < int(seeds)/3 {
		t.Errorf("%d chunks were given early, %d were not: that says little", gave, kept)
	}
}

// What a later chunk could change is not given early, nor is anything behind it.
func TestWhatALaterChunkCanChangeWaits(t *testing.T) {
	plain := chunk([]string{session("s0", "alpha")}, []string{observation("o0", "s0", ofAlpha)})
	timed := strings.Replace(ofAlpha, `"project":"alpha",`, "", 1)
	lenient := alpha
	lenient.Strict = false
	for name, test := range map[string]struct {
		opts          projection.Options
		waits, behind string
	}{
		"whose a session is": {
			alpha, chunk([]string{session("s1", "")}, []string{observation("o1", "s1", timed)}), chunk([]string{session("s1", "beta")}, nil),
		},
		"whether a session of theirs is needed": {
			alpha, chunk([]string{session("s1", "beta"), session("s2", "alpha")}, []string{observation("o1", "s2", ofAlpha)}), chunk(nil, []string{observation("o2", "s1", ofAlpha)}),
		},
		"whether anybody brings a session": {alpha, chunk(nil, []string{observation("o1", "s1", ofAlpha)}), chunk([]string{session("s1", "alpha")}, nil)},
		"who adds a session": {
			lenient, chunk(nil, []string{observation("o1", "s1", ofAlpha)}), chunk(nil, []string{observation("o2", "s1", ofAlpha)}),
		},
		"what a restored chunk is": {alpha, chunk([]string{session("s1", "alpha")}, []string{observation("o1", "s1", `,"project":"alpha"`)}), plain + " "},
		"what cannot be read":      {alpha, `{"sessions":5}`, plain + " "},
	} {
		d := newDirectory(plain, test.waits, test.behind)
		given := d.early(t, projection.NewDirectory(test.opts, d.open, t.TempDir(), 1))
		if _, first := given[d.ids[0]]; !first || len(given) != 1 {
			t.Errorf("%s: %d chunks were given", name, len(given))
		}
	}
	// An earlier chunk can change nothing more.
	d := newDirectory(plain, chunk(nil, []string{observation("o1", "s0", ofAlpha)}), chunk([]string{session("s0", "beta")}, nil))
	if given := d.early(t, projection.NewDirectory(lenient, d.open, t.TempDir(), 1)); len(given) != 3 || len(given[d.ids[1]].Parts[0].Needs) != 1 {
		t.Errorf("with the session of an earlier one: %v", given)
	}
}

// A directory of which each chunk stands for itself is read once, and so is each part of it.
func TestEachChunkIsReadOnce(t *testing.T) {
	d := newDirectory()
	for n := range 5 {
		d.add(chunk([]string{session(fmt.Sprint("s", n), "alpha")}, []string{observation(fmt.Sprint("o", n), fmt.Sprint("s", n), ofAlpha)}))
	}
	p := projection.NewDirectory(alpha, d.open, t.TempDir(), 2)
	var read atomic.Int64
	p.Read = func(id engram.ChunkID, text []byte) {
		if read.Add(1); string(text) != d.content[id] {
			t.Errorf("%s was read as %q", id, text)
		}
	}
	p.Early(t.Context(), d.ids, func(id engram.ChunkID, c recognition.Projection) bool {
		if text := d.part(t, p, id, c.Parts[0]); !slices.Equal(syncIDs(t, text), []string{fmt.Sprint("o", slices.Index(d.ids, id))}) {
			t.Errorf("%s becomes %s", id, text)
		}
		p.Forget(id)
		return true
	})
	chunks, err := p.Chunks(t.Context(), d.ids, d.ids)
	if err != nil || len(chunks) != 5 || d.opened.Load() != 5 || read.Load() != 5 {
		t.Errorf("%d chunks, opened %d times, heard of %d: %v", len(chunks), d.opened.Load(), read.Load(), err)
	}
}

// No more chunks are read than there is memory for, as long as nobody opens the parts of
// those before.
func TestTextsThatNobodyOpensHoldUpTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory()
		for n := range 7 {
			row := strings.Replace(observation(fmt.Sprint("o", n), fmt.Sprint("s", n), ofAlpha), `"C"`, `"`+strings.Repeat("memory ", 12<<20/7)+`"`, 1)
			d.add(chunk([]string{session(fmt.Sprint("s", n), "alpha")}, []string{row}))
		}
		p := projection.NewDirectory(alpha, d.open, t.TempDir(), 8)
		given := make(chan engram.ChunkID, len(d.ids))
		go func() {
			defer close(given)
			p.Early(t.Context(), d.ids, func(id engram.ChunkID, _ recognition.Projection) bool {
				given <- id
				return true
			})
		}()
		gone := int64(0)
		for id := range given {
			synctest.Wait()
			if d.opened.Load() > gone+5 {
				t.Errorf("%d chunks were read while the parts of all but %d waited", d.opened.Load(), gone)
			}
			p.Forget(id)
			gone++
		}
		if gone != int64(len(d.ids)) {
			t.Errorf("%d chunks were given", gone)
		}
	})
}

// Whoever has to send a part once more gets it, whatever waits to be sent.
func TestAPartThatIsOpenedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	d := newDirectory()
	for n := range 4 {
		row := strings.Replace(observation(fmt.Sprint("o", n), fmt.Sprint("s", n), ofAlpha), `"C"`, `"`+strings.Repeat("memory ", 30<<20/7)+`"`, 1)
		d.add(chunk([]string{session(fmt.Sprint("s", n), "alpha")}, []string{row}))
	}
	p := projection.NewDirectory(alpha, d.open, t.TempDir(), 4)
	type chunkOf struct {
		id   engram.ChunkID
		part recognition.Part
	}
	given := make(chan chunkOf, len(d.ids))
	go func() {
		defer close(given)
		p.Early(t.Context(), d.ids, func(id engram.ChunkID, c recognition.Projection) bool {
			given <- chunkOf{id, c.Parts[0]}
			return true
		})
	}()
	first := <-given
	want := d.part(t, p, first.id, first.part)
	for next := range given { // for which there is no room beside the one before
		if d.part(t, p, first.id, first.part) != want {
			t.Error("it is another")
		}
		if d.part(t, p, next.id, next.part) == want {
			t.Error("and so is this")
		}
		p.Forget(next.id)
	}
}

// An interruption ends it, wherever it waits.
func TestEarlyEndsWithItsContext(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	d := newDirectory()
	for n := range 3 {
		row := strings.Replace(observation(fmt.Sprint("o", n), "s", ofAlpha), `"C"`, `"`+strings.Repeat("memory ", 40<<20/7)+`"`, 1)
		d.add(chunk([]string{session("s", "alpha")}, []string{row}))
	}
	p := projection.NewDirectory(alpha, d.open, t.TempDir(), 2)
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	p.Early(ctx, d.ids, func(engram.ChunkID, recognition.Projection) bool { // and nobody opens them
		n++
		stop()
		return true
	})
	if n != 1 {
		t.Errorf("%d chunks were given", n)
	}
	n = 0
	again := projection.NewDirectory(alpha, d.open, t.TempDir(), 2)
	again.Early(t.Context(), d.ids, func(engram.ChunkID, recognition.Projection) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d chunks were given to somebody who wanted one", n)
	}
}
