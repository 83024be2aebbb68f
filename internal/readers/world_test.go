package readers_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/engram-sync/engram-sync/internal/testkit/importer"
)

// world makes directories of few sessions and memories, so that they meet often.
type world struct {
	dice *rand.Rand
	odd  int // how many rows in 12 have something odd
	n    int
}

func pick[T any](w *world, from ...T) T { return from[w.dice.IntN(len(from))] }

func (w *world) strange() bool { return w.dice.IntN(12) < w.odd }

func (w *world) directory() importer.Directory {
	docs := []any{importer.Doc{Sessions: []importer.Row{w.session("s1"), w.session("s2")}, Observations: []importer.Row{w.observation("o1"), w.observation("o2")}}}
	for range 1 + w.dice.IntN(4) {
		docs = append(docs, w.chunk())
	}
	if w.odd > 0 && w.dice.IntN(20) == 0 {
		docs = append(docs, pick(w, importer.Missing, importer.Broken))
	}
	w.dice.Shuffle(len(docs), func(i, j int) {
		if w.odd > 1 {
			docs[i], docs[j] = docs[j], docs[i]
		}
	})
	return importer.Dir(pick(w, 1, 2, 2, 2), docs...)
}

func (w *world) chunk() importer.Doc {
	var d importer.Doc
	for range w.dice.IntN(2) {
		d.Sessions = append(d.Sessions, w.session(pick(w, "s1", "s2", "s3")))
	}
	for range w.dice.IntN(3) {
		d.Observations = append(d.Observations, w.observation(pick(w, "o1", "o2", "o3", "o4")))
	}
	for range w.dice.IntN(2) {
		d.Prompts = append(d.Prompts, w.prompt(pick(w, "p1", "p2", "p3")))
	}
	if w.dice.IntN(3) == 0 {
		for range 1 + w.dice.IntN(3) {
			d.Mutations = append(d.Mutations, w.mutation())
		}
	}
	return d
}

// time is one of a few, later ones as the directory grows.
func (w *world) time() string {
	w.n++
	at := w.n
	if w.strange() {
		at = w.dice.IntN(w.n + 5)
	}
	switch {
	case w.dice.IntN(144) < w.odd*w.odd:
		return pick(w, "", "?")
	case w.dice.IntN(4) == 0:
		return fmt.Sprintf("2026-10-%02d 10:00:%02d", 1+at/60, at%60)
	}
	return fmt.Sprintf("2026-10-%02d 10:00:%02d.000000001", 1+at/60, at%60)
}

func (w *world) session(id string) importer.Row {
	s := importer.ASession(id).With(importer.Row{"started_at": w.time()})
	if w.dice.IntN(6) == 0 {
		s["ownership_mode"] = pick(w, "shared", "project_owned", "project_owned")
	}
	if w.strange() {
		switch w.dice.IntN(6) {
		case 0:
			s["ownership_mode"] = "mine"
		case 1, 2:
			s["directory"] = pick[any](w, "", " ", importer.Null)
		case 3:
			delete(s, "directory")
		case 4:
			s["directory"] = 5
		}
	}
	return s
}

func (w *world) anySession() string {
	if w.strange() {
		return pick(w, "s1", "s2", "s3", "ghost")
	}
	return pick(w, "s1", "s2")
}

func (w *world) observation(id string) importer.Row {
	at := w.time()
	o := importer.AnObservation(id, w.anySession()).With(importer.Row{"created_at": at, "updated_at": at, "title": fmt.Sprint("t", w.n)})
	if w.strange() {
		switch w.dice.IntN(6) {
		case 0:
			o["deleted_at"] = at
		case 1:
			o["created_at"], o["type"] = "", "decision"
		case 2:
			o["sync_id"], o["title"] = "", "nameless"
		case 3:
			o["project"] = pick[any](w, "other", importer.Null)
		}
	}
	return o
}

func (w *world) prompt(id string) importer.Row {
	p := importer.APrompt(id, w.anySession()).With(importer.Row{"created_at": w.time()})
	if w.strange() {
		p["source_inbox_id"] = "i1"
	}
	return p
}

func (w *world) mutation() importer.Row {
	m := w.plainMutation()
	if w.strange() {
		switch w.dice.IntN(8) {
		case 0:
			m["entity_key"] = m["entity_key"].(string) + "x"
		case 1:
			m["disposition"] = "quarantined"
		case 2:
			m["payload"] = "{"
		case 3:
			m["entity"] = "project"
		case 4:
			m["op"] = "merge"
		}
	}
	return m
}

func (w *world) plainMutation() importer.Row {
	o, s, p := pick(w, "o1", "o2", "o3", "o4"), pick(w, "s1", "s2", "s3"), pick(w, "p1", "p2", "p3")
	gone := importer.Gone(o).With(importer.Row{"deleted_at": w.time()})
	switch w.dice.IntN(9) {
	case 0:
		return importer.Upsert("session", s, w.session(s))
	case 1:
		up := w.observation(o)
		if w.strange() {
			up["deleted"] = true
		}
		return importer.Upsert("observation", up["sync_id"].(string), up)
	case 2:
		return importer.Upsert("prompt", p, w.prompt(p))
	case 3, 4:
		r := importer.Upsert("relation", "r1", importer.ARelation("r1", o, pick(w, "o1", "o2", "o9")))
		if w.strange() {
			r["project"] = "other"
		}
		return r
	case 5:
		if w.strange() {
			return importer.Delete("relation", "r1", importer.Row{"sync_id": "r1"})
		}
		return importer.Delete("observation", o, gone.With(importer.Row{"hard_delete": false}))
	case 6:
		return importer.Delete("prompt", p, importer.Gone(p).With(importer.Row{"deleted_at": w.time()}))
	case 7:
		if w.strange() {
			return importer.Delete("session", s, importer.Row{"id": s, "deleted_at": w.time()})
		}
	}
	return importer.Delete("observation", o, gone)
}
