package verification_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/verification"
)

// memory is a verification.Memory whose files have the stamps that the test says.
type memory struct {
	side   *side
	stamps map[engram.ChunkID]string
	kept   map[engram.ChunkID][2]string
	// onStamp, if set, is called with each stamp.
	onStamp func()
}

func (m *memory) Secret() [32]byte { return [32]byte{1, 30: 2} }

func (m *memory) Stamp(id engram.ChunkID) string {
	m.side.mu.Lock()
	defer m.side.mu.Unlock()
	if m.onStamp != nil {
		m.onStamp()
	}
	return m.stamps[id]
}

func (m *memory) Recall(id engram.ChunkID, stamp string) ([]byte, bool) {
	m.side.mu.Lock()
	defer m.side.mu.Unlock()
	kept, ok := m.kept[id]
	return []byte(kept[1]), ok && kept[0] == stamp
}

func (m *memory) Keep(id engram.ChunkID, stamp string, what []byte) {
	m.side.mu.Lock()
	defer m.side.mu.Unlock()
	m.kept[id] = [2]string{stamp, string(what)}
}

func (m *memory) Forget(id engram.ChunkID) {
	m.side.mu.Lock()
	defer m.side.mu.Unlock()
	delete(m.kept, id)
}

func (m *memory) End(there []engram.ChunkID) {
	if len(there) != len(m.side.content) {
		panic("the files that there are")
	}
}

// What a verification finds does not depend on what is remembered: all kinds of findings
// that good chunks can bring are in one directory.
func TestRememberedChunksAreJudgedAsRead(t *testing.T) {
	here := newSide()
	m := &memory{side: here, stamps: map[engram.ChunkID]string{}, kept: map[engram.ChunkID][2]string{}}
	for _, text := range []string{
		`{"sessions":[{"id":"s","directory":"/d"},{"id":"blank"}],"observations":[{"sync_id":"o","session_id":"s","type":"t","title":"T","content":"C","created_at":"2026-11-22 09:15:00","updated_at":"2026-11-23 09:15:00"}]}`,
		`{"observations":[{"sync_id":"o","session_id":"s","type":"t","title":"older","content":"C","created_at":"2026-11-22 09:15:00","updated_at":"2026-11-22 09:15:00"}],"prompts":[{"session_id":"gone","content":"P"},{"content":""}]}`,
		`{"sessions":[{"id":"m","ownership_mode":"project_owned","directory":"/d","later":1}],"mutations":[{"entity":"relation","entity_key":"r","op":"upsert","payload":"{\"sync_id\":\"r\",\"source_id\":\"o\",\"target_id\":\"none\"}"},{"entity":"what","op":"upsert","payload":"{}"}]}`,
		`{"sessions":[{"id":5}]}`,
		numbered(1),
	} {
		m.stamps[here.add(text)] = "old"
	}
	orphan := here.entries[4].ID
	here.entries = here.entries[:4]
	bad := here.add(numbered(2))
	here.content[bad] = numbered(3)
	missing := here.add(numbered(4))
	delete(here.content, missing)
	m.stamps[bad] = "old"
	run := func(opts verification.Options) (verification.Report, int) {
		t.Helper()
		here.opened, opts.Concurrency = 0, 3
		report, err := verification.Verify(t.Context(), here, opts)
		if err != nil {
			t.Fatal(err)
		}
		return report, here.opened
	}
	want, all := run(verification.Options{Full: true})
	if len(want.Findings) < 12 || want.Checked != 5 {
		t.Fatalf("too little is found: %+v", want)
	}
	judge := func(story string, opts verification.Options, opened, remembered int) {
		t.Helper()
		opts.Memory = m
		report, n := run(opts)
		if n != opened || report.Remembered != remembered {
			t.Errorf("%s: %d opened, want %d; %d remembered, want %d", story, n, opened, report.Remembered, remembered)
		}
		if diff := cmp.Diff(findingsOf(want), findingsOf(report)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
		texts := func(r verification.Report) (all []string) {
			for _, f := range r.Findings {
				all = append(all, f.Err.Error())
			}
			return all
		}
		if diff := cmp.Diff(texts(want), texts(report)); diff != "" || report.Checked != want.Checked || report.Bytes != want.Bytes || !slices.Equal(report.Readers, want.Readers) {
			t.Errorf("%s: %d checked, %d bytes (-want +got):\n%s", story, report.Checked, report.Bytes, diff)
		}
	}
	judge("nothing is remembered", verification.Options{}, all, 0)
	judge("all is remembered but what is bad", verification.Options{}, all-5, 5)
	judge("all is read", verification.Options{Full: true}, all, 0)
	m.stamps[orphan] = "new"
	judge("one has changed", verification.Options{}, all-4, 4)
	judge("and is remembered again", verification.Options{}, all-5, 5)
	m.stamps[orphan] = ""
	judge("one is too young", verification.Options{}, all-4, 4)
	m.stamps[orphan] = "new"
	judge("and was forgotten", verification.Options{}, all-4, 4)
	for id, kept := range m.kept {
		m.kept[id] = [2]string{kept[0], kept[1][:len(kept[1])-1]}
	}
	judge("what is remembered is damaged", verification.Options{}, all, 0)
	stamps := 0
	m.onStamp = func() { stamps++; m.stamps[orphan] = string(rune('a' + stamps)) }
	judge("one is written all the time", verification.Options{}, all-4, 4)
	if _, ok := m.kept[orphan]; ok {
		t.Error("a file is remembered that changed while it was read")
	}
	if report, n := run(verification.Options{Memory: m, Only: []engram.ChunkID{here.entries[0].ID}}); n == 0 || report.Remembered != 0 {
		t.Errorf("a chunk that is named is not read: %+v", report)
	}
}

// What was believed, and then is found bad, is not believed again.
func TestBadChunksAreForgotten(t *testing.T) {
	here := newSide()
	m := &memory{side: here, stamps: map[engram.ChunkID]string{}, kept: map[engram.ChunkID][2]string{}}
	id := here.add(numbered(1))
	m.stamps[id] = "old"
	for _, step := range []struct {
		content string
		full    bool
		bad     int
	}{
		{numbered(1), false, 0},
		{numbered(2), false, 0},
		{numbered(2), true, 1},
		{numbered(2), false, 1},
		{numbered(1), false, 0},
	} {
		here.content[id] = step.content
		report, err := verification.Verify(t.Context(), here, verification.Options{Concurrency: 1, Memory: m, Full: step.full})
		if err != nil || len(report.Findings) != step.bad {
			t.Errorf("%+v: %+v, %v", step, report.Findings, err)
		}
	}
}
