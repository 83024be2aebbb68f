package jsonscan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// check runs a text through a Scanner in pieces of the given size.
func check(text []byte, depth, piece int) (events []string, err error) {
	s := jsonscan.New(depth)
	for len(text) > 0 {
		p := text[:min(piece, len(text))]
		for len(p) > 0 {
			n, event, err := s.Next(p)
			if err != nil {
				return events, err
			}
			switch event {
			case jsonscan.Key:
				events = append(events, fmt.Sprintf("%d key %s", s.Depth(), s.Key()))
			case jsonscan.Begin:
				events = append(events, fmt.Sprintf("%d begin %c @%d", s.Depth(), s.Kind(), s.Offset()))
			case jsonscan.End:
				events = append(events, fmt.Sprintf("%d end @%d", s.Depth(), s.Offset()))
			}
			p, text = p[n:], text[n:]
		}
	}
	return events, s.Close()
}

func TestEventsNameMembersAndBounds(t *testing.T) {
	const text = ` {"a" : -1.5e3 ,"b":{"x":[1,{}]},"\u0063":"q\"}"}` + "\n"
	want := []string{
		"0 begin { @1",
		"1 key a", "1 begin 0 @8", "1 end @14",
		"1 key b", "1 begin { @20", "1 end @32",
		`1 key \u0063`, "1 begin \" @42", "1 end @48",
		"0 end @49",
	}
	for _, piece := range []int{1, 2, 3, 7, 1000} {
		got, err := check([]byte(text), 1, piece)
		if err != nil {
			t.Fatalf("pieces of %d: %v", piece, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pieces of %d (-want +got):\n%s", piece, diff)
		}
	}
}

func TestErrorsNameTheByte(t *testing.T) {
	for text, offset := range map[string]int64{
		`{"a":1}}`:    7,
		`{"a":01}`:    6,
		`{"a":1,}`:    7,
		`{"a" 1}`:     5,
		`["\x"]`:      3,
		"[\"\n\"]":    2,
		`[nul]`:       4,
		`{"a":1`:      6,
		`[1 2]`:       3,
		`{"a":"\u12g`: 10,
		``:            0,
	} {
		_, err := check([]byte(text), 0, 3)
		var syntax *jsonscan.SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != offset {
			t.Errorf("%q: got %v, want a syntax error at byte %d", text, err, offset)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	deep := strings.Repeat("[", jsonscan.MaxDepth) + strings.Repeat("]", jsonscan.MaxDepth)
	if _, err := check([]byte(deep), 0, 100); err != nil {
		t.Errorf("%d levels: %v", jsonscan.MaxDepth, err)
	}
	if _, err := check([]byte("["+deep+"]"), 0, 100); err == nil {
		t.Error("one level more was accepted")
	}
}

func TestLongKeysAreCutNotKept(t *testing.T) {
	s := jsonscan.New(1)
	text := []byte(`{"` + strings.Repeat("k", 5000) + `":1}`)
	for {
		n, event, err := s.Next(text)
		if err != nil {
			t.Fatal(err)
		}
		if event == jsonscan.Key {
			break
		}
		text = text[n:]
	}
	if len(s.Key()) != 257 {
		t.Errorf("kept %d bytes of a 5000 byte key, want 257", len(s.Key()))
	}
}

// FuzzScan compares with the standard library's own verdict.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,"\u00e9",null,true]}`, `-0`, ` [] `, `{"a":1}x`, `"\ud800"`, "\"\x80\"", `[[[`} {
		f.Add([]byte(seed), 1)
	}
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		_, err := check(text, 2, max(1, piece%17))
		if want := json.Valid(text); (err == nil) != want {
			t.Errorf("%q: got %v, json.Valid says %t", text, err, want)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	row := `{"id":1,"sync_id":"obs-86a01d784ee23c9d","content":"` + strings.Repeat("some words of content\\n", 60) + `"},`
	text := []byte(`{"sessions":null,"observations":[` + strings.Repeat(row, 500) + `{}],"prompts":null}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s := jsonscan.New(0)
		for p := text; len(p) > 0; {
			n, _, err := s.Next(p)
			if err != nil {
				b.Fatal(err)
			}
			p = p[n:]
		}
	}
}
