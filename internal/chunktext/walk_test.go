package chunktext_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunktext"
)

const chunk = ` {"sessions":[{"id":"s1","project":"p", "summary":"a S3CRET\u00e9"}], "observations":[
 {"id":7,"sync_id":"o1","title":"Ünï \ud83d\ude00","content":"\u003cb\u003e é😀 \ud83d\ude00 S3CRET\n\"S3CRET\" \ud800 end", "tags":["S3CRET",{"x":"S3CRET"}]}],"prompts":null,
"mutations":[{"entity_key":"o1","payload":"{\"content\":\"tab \\u0009 S3CRET \\\"q\\\"\",\"n\":1.50}"},{"entity_key":"o2","payload":"not JSON S3CRET"}],"S3CRET":1e5, "later":"S3CRET" }
`

func spans(t chunktext.Text) (all []chunktext.Span) {
	for at := 0; ; {
		i := strings.Index(t.Value[at:], "S3CRET")
		if i < 0 {
			return all
		}
		all = append(all, chunktext.Span{Start: at + i, End: at + i + len("S3CRET")})
		at += i + 1
	}
}

func TestOnlyTheReplacedTextChanges(t *testing.T) {
	var seen []string
	got, n, err := chunktext.Replace([]byte(chunk), `["x"]`, func(text chunktext.Text) []chunktext.Span {
		if found := spans(text); found != nil {
			seen = append(seen, fmt.Sprintf("%s %s %s %d", text.Row.Kind(), text.Row.ID, text.Field, len(found)))
			return found
		}
		return nil
	})
	if err != nil || n != 8 {
		t.Fatalf("%d places, %v", n, err)
	}
	// The name of a member is no text, and stays.
	want := strings.ReplaceAll(chunk, "S3CRET", `[\"x\"]`)
	want = strings.Replace(want, `"[\"x\"]":1e5`, `"S3CRET":1e5`, 1)
	want = strings.Replace(want, `\\u0009 [\"x\"]`, `\\u0009 [\\\"x\\\"]`, 1)
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid(got) {
		t.Error("it is not JSON any more")
	}
	if want := []string{"session s1 summary 1", "memory o1 content 2", "memory o1 tags[0] 1", "memory o1 tags[1].x 1", "mutation o1 payload.content 1", "mutation o2 payload 1", "chunk  later 1"}; !slices.Equal(seen, want) {
		t.Errorf("seen %q", seen)
	}
}

func TestEveryCharacterHasItsPlace(t *testing.T) {
	for _, spelled := range []string{`é`, `\u00e9`, `\uD83D\uDE00`, `😀`, `\ud83d`, `\ude00`, `\ud83d\u0041`, `\/`, `\\`, `\u2028`, "\xff"} {
		doc := `{"observations":[{"content":"` + spelled + `S3CRET` + spelled + `"}]}`
		got, n, err := chunktext.Replace([]byte(doc), "-", spans)
		if want := strings.Replace(doc, "S3CRET", "-", 1); err != nil || n != 1 || string(got) != want {
			t.Errorf("%q: %d places, %v: %q", spelled, n, err, got)
		}
	}
}

func TestWhatNamesNothingStaysAsItIs(t *testing.T) {
	for _, doc := range []string{"{}", "[]", "null", `"S3CRET"`, `{"observations":{"a":[]}}`, `{"observations":[1,"x",[{}]]}`} {
		got, n, err := chunktext.Replace([]byte(doc), "x", func(chunktext.Text) []chunktext.Span { return nil })
		if err != nil || n != 0 || string(got) != doc {
			t.Errorf("%s: %q, %d, %v", doc, got, n, err)
		}
	}
	if _, _, err := chunktext.Replace([]byte(`{"a":`), "x", spans); err == nil {
		t.Error("half a chunk is taken")
	}
}

func FuzzReplace(f *testing.F) {
	f.Add(chunk)
	f.Fuzz(func(t *testing.T, doc string) {
		if !json.Valid([]byte(doc)) {
			return
		}
		count := 0
		got, n, err := chunktext.Replace([]byte(doc), "", func(text chunktext.Text) []chunktext.Span {
			if text.Value == "" {
				return nil
			}
			count++
			return []chunktext.Span{{Start: 0, End: len(text.Value)}}
		})
		if err != nil || n != count || !json.Valid(got) {
			t.Fatalf("%d of %d places, %v: %q", n, count, err, got)
		}
	})
}
