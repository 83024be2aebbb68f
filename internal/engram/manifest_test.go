package engram_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
)

func jsonValid(text []byte) bool { return json.Valid(text) }

func mustParse(t testing.TB, text string) *engram.Manifest {
	t.Helper()
	m, err := engram.ParseManifest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const oneEntry = `{
  "version": 1,
  "chunks": [
    {
      "id": "c830cde8",
      "created_by": "vm",
      "created_at": "2026-11-22T09:14:58Z",
      "sessions": 1,
      "memories": 5,
      "prompts": 1
    }
  ]
}`

func entry(t testing.TB, id, at string) engram.ChunkEntry {
	return engram.ChunkEntry{ID: mustID(t, id), CreatedBy: "vm", CreatedAt: at, Sessions: 1, Memories: 5, Prompts: 1}
}

func TestANewManifestLooksLikeEngrams(t *testing.T) {
	m, err := engram.NewManifest().With(1, entry(t, "c830cde8", "2026-11-22T09:14:58Z"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oneEntry, string(m.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAppendingKeepsEveryOtherByte(t *testing.T) {
	const odd = "{ \"future\" : {\"a\":[1,2]} ,\r\n\t\"chunks\":[ {\"id\":\"c830cde8\", \"sessions\":1,\"x\":\"\\u00e9\",\"created_at\":\"2026-11-22T09:14:58Z\"}  ], \"version\":1 }\r\n"
	m := mustParse(t, odd)
	m2, err := m.With(2, entry(t, "7f822b00", "2026-11-22T09:15:00Z"), entry(t, "9691adf8", "2026-11-22T09:14:59+00:00"),
		entry(t, "c830cde8", "2030-01-01T00:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, e := range m2.Entries() {
		ids = append(ids, e.ID.String())
	}
	if diff := cmp.Diff([]string{"c830cde8", "9691adf8", "7f822b00"}, ids); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	text := string(m2.Bytes())
	if m2.Version() != 2 || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Errorf("version %d, or a bare newline, in %q", m2.Version(), text)
	}
	head, tail := odd[:strings.Index(odd, "  ], ")], "  ], \"version\":2 }\r\n"
	if !strings.HasPrefix(text, head+",\r\n    {\r\n") || !strings.HasSuffix(text, tail) {
		t.Errorf("bytes that nobody touched changed: %q", text)
	}
	same, err := m2.With(1, entry(t, "c830cde8", "2030-01-01T00:00:00Z"))
	if err != nil || string(same.Bytes()) != text {
		t.Errorf("adding nothing changed the text: %v", err)
	}
}

func TestEveryVersionIsTakenAndOnlyRaised(t *testing.T) {
	for name, tc := range map[string]struct {
		text       string
		version    int
		generation engram.Generation
		raised     string // to 2; "" where the text stays
	}{
		"1":              {`{"version":1,"chunks":[]}`, 1, engram.Gen1, `{"version":2,"chunks":[]}`},
		"2":              {`{"version":2,"chunks":[]}`, 2, engram.Gen2, ""},
		"a later one":    {`{"chunks":[], "version" : 7}`, 7, 0, ""},
		"0":              {`{"version":0,"chunks":[]}`, 1, engram.Gen1, `{"version":2,"chunks":[]}`},
		"null":           {`{"chunks":[],"version":null}`, 1, engram.Gen1, `{"chunks":[],"version":2}`},
		"none":           {`{"chunks":[],"x":1}`, 1, engram.Gen1, `{"version":2,"chunks":[],"x":1}`},
		"none, indented": {" {\r\n  \"chunks\": []\r\n}", 1, engram.Gen1, " {\r\n  \"version\": 2,\r\n  \"chunks\": []\r\n}"},
	} {
		m := mustParse(t, tc.text)
		if m.Version() != tc.version || m.Generation() != tc.generation {
			t.Errorf("%s: version %d, generation %v", name, m.Version(), m.Generation())
		}
		for version, want := range map[int]string{0: "", 1: "", 2: tc.raised} {
			got, err := m.With(version)
			if want == "" {
				want = tc.text
			}
			if err != nil || string(got.Bytes()) != want {
				t.Errorf("%s with %d: %q, %v, want %q", name, version, got.Bytes(), err, want)
			}
		}
	}
	m, err := mustParse(t, "{\n  \"chunks\": []\n}").With(2, entry(t, "c830cde8", "2026-11-22T09:14:58Z"))
	if err != nil || m.Version() != 2 || !m.Has(mustID(t, "c830cde8")) || !strings.HasPrefix(string(m.Bytes()), "{\n  \"version\": 2,\n  \"chunks\": [\n") {
		t.Errorf("%v in %s", err, m.Bytes())
	}
	if known := engram.ManifestVersion(); known != 1 || engram.ManifestVersion(engram.Gen1, engram.Gen3) != 2 || engram.ManifestVersion(0) != 2 {
		t.Error("1 is for 1.x alone")
	}
}

func TestAMemberThatWeDontKnowTravelsWithItsEntry(t *testing.T) {
	const text = `{"ownership":{"b":1,"a":[true]},"id":"c830cde8","created_by":"<v&m>","created_at":"2026-11-22T09:14:58.10+02:00","sessions":1,"memories":5,"prompts":1,"n":1.50}`
	e, err := engram.ParseEntry([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := engram.ParseEntry(out)
	if err != nil || back != e {
		t.Errorf("got %+v, %v; want %+v", back, err, e)
	}
	for _, part := range []string{`"ownership":{"b":1,"a":[true]}`, `"n":1.50`, `"created_at":"2026-11-22T09:14:58.10+02:00"`, `"\u003cv\u0026m\u003e"`} {
		if !strings.Contains(string(out), part) {
			t.Errorf("%s is not in %s", part, out)
		}
	}
}

func TestBadManifestsNameThePlace(t *testing.T) {
	withEntry := func(e string) string { return "{\"version\":1,\n\"chunks\":[\n" + e + "]}" }
	good := `{"id":"c830cde8","created_at":"2026-11-22T09:14:58Z"}`
	for name, tc := range map[string]struct{ text, want string }{
		"empty":           {"", "line 1: not valid JSON at byte 0: it ends too early"},
		"torn":            {oneEntry[:60], "line 5: not valid JSON"},
		"conflict":        {strings.Replace(oneEntry, "    {\n", "<<<<<<< HEAD\n    {\n", 1), "line 4: git conflict markers"},
		"not an object":   {`[]`, "line 1: not a JSON object"},
		"no chunks":       {`{"version":1}`, `"chunks" is missing`},
		"version text":    {`{"version":"1","chunks":[]}`, `line 1: "version" is not a whole number`},
		"version below 0": {`{"version":-1,"chunks":[]}`, `"version" is not a whole number`},
		"half a version":  {`{"version":1.5,"chunks":[]}`, `"version" is not a whole number`},
		"member twice":    {"{\"version\":1,\n\"chunks\":[],\n\"chunks\":[]}", `line 3: "chunks" stands twice (first on line 2)`},
		"member variant":  {`{"version":1,"chunks":[],"Chunks":[]}`, `"Chunks" is another spelling of "chunks"`},
		"chunks object":   {`{"version":1,"chunks":{}}`, `"chunks" is not a list`},
		"id twice":        {withEntry(good + "," + good), "entry 2: c830cde8 stands twice (first as entry 1)"},
		"union merge":     {withEntry(`{"id":"c830cde8","id":"7f822b00"}`), `entry 1: "id" stands twice`},
		"byte order mark": {"\ufeff" + oneEntry, "line 1: it begins with a byte order mark"},
		"bad UTF-8":       {withEntry(`{"id":"c830cde8","created_by":"` + "\xff" + `"}`), "line 3: not valid UTF-8"},
	} {
		_, err := engram.ParseManifest([]byte(tc.text))
		var where *engram.ManifestError
		if !errors.As(err, &where) || !errors.Is(err, engram.ErrDamaged) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %q", name, err)
		}
	}
}

// People and agents write entries of their own. They stop nothing, and stay as
// they are until somebody wants them out.
func TestAnEntryThatIsNotEngramsStandsAside(t *testing.T) {
	const good = `{"id":"9691adf8","created_at":"2026-11-22T09:14:58Z"}`
	for name, tc := range map[string]struct{ text, want string }{
		"entry text":        {`"c830cde8"`, "not an object"},
		"no id":             {`{"created_at":"2026-11-22T09:14:58Z"}`, `"id" is missing`},
		"path as id":        {`{"id":"../../x"}`, `"id": "../../x": not a chunk id`},
		"upper-case id":     {`{"id":"C830CDE8"}`, "not a chunk id"},
		"negative count":    {`{"id":"c830cde8","sessions":-1}`, `"sessions": -1 is not a count`},
		"huge count":        {`{"id":"c830cde8","sessions":99999999999}`, "is not a count"},
		"fractional count":  {`{"id":"c830cde8","sessions":1.5}`, "is not a count"},
		"count as text":     {`{"id":"c830cde8","sessions":"1"}`, "is not a count"},
		"author as number":  {`{"id":"c830cde8","created_by":1}`, `"created_by": not a string`},
		"time without zone": {`{"id":"c830cde8","created_at":"2026-11-22 09:14:58"}`, "is not an RFC 3339 time"},
		"no time":           {`{"id":"c830cde8"}`, `"created_at" is missing`},
		"entry variant":     {`{"id":"c830cde8","ID":"7f822b00"}`, `"ID" is another spelling of "id"`},
		"endless name":      {`{"` + strings.Repeat("n", 300) + `":1,"id":"c830cde8"}`, "a member name is longer than 256 bytes"},
	} {
		text := "{\"version\":1,\n\"chunks\":[\n" + good + " , " + tc.text + "]}"
		m, err := engram.ParseManifest([]byte(text))
		if err != nil || len(m.Entries()) != 1 || len(m.Rejected()) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := m.Rejected()[0]
		if r.Text != tc.text || r.Place != 1 || !strings.Contains(r.Err.Error(), tc.want) {
			t.Errorf("%s: got %+v, want %q", name, r, tc.want)
		}
		more, err := m.With(1, entry(t, "7f822b00", "2026-11-23T09:14:58Z"))
		if err != nil || !strings.Contains(string(more.Bytes()), good+" , "+tc.text+",\n") {
			t.Errorf("%s: with another entry it is %s, %v", name, more.Bytes(), err)
		}
		less, err := more.Without(m.Entries()[0].ID)
		if err != nil || len(less.Entries()) != 1 || less.Entries()[0].ID.String() != "7f822b00" || !strings.Contains(string(less.Bytes()), tc.text) {
			t.Errorf("%s: without the first it is %s, %v", name, less.Bytes(), err)
		}
		clean, err := more.WithoutRejected()
		if err != nil || len(clean.Entries()) != 2 || len(clean.Rejected()) > 0 {
			t.Errorf("%s: without the odd one it is %s, %v", name, clean.Bytes(), err)
		}
	}
	many := `{"version":1,"chunks":[` + strings.Repeat("1,", 20000) + `1]}`
	if _, err := engram.ParseManifest([]byte(many)); !errors.Is(err, engram.ErrDamaged) {
		t.Errorf("a text of nothing else: %v", err)
	}
}

// The counts are facts of the chunk; what else an entry says is its writer's.
func TestOnlyCountsAreCorrected(t *testing.T) {
	const other = `{"id":"7f822b00","created_at":"2026-11-22T09:15:00Z","memories":7}`
	for was, want := range map[string]string{
		`{"memories" : 9, "x":[1, 2],"id":"c830cde8","created_at":"2026-11-22T09:14:58+01:00","sessions":4,"prompts":0}`: `{"memories" : 5, "x":[1, 2],"id":"c830cde8","created_at":"2026-11-22T09:14:58+01:00","sessions":1,"prompts":0}`,
		`{"created_at":"2026-11-22T09:14:58Z", "id":"c830cde8"  }`:                                                       `{"created_at":"2026-11-22T09:14:58Z", "id":"c830cde8","sessions":1,"memories":5  }`,
	} {
		const frame = "{ \"chunks\": [ {\"id\":\"a-note\",\"memories\":1},\r\n\t%s , %s ],\n \"version\": 2, \"y\":{}}\n"
		m := mustParse(t, fmt.Sprintf(frame, was, other))
		right := m.Entries()[0]
		right.Sessions, right.Memories, right.Prompts, right.CreatedBy = 1, 5, 0, "nobody"
		next, err := m.Recounted(right)
		if text := fmt.Sprintf(frame, want, other); err != nil || string(next.Bytes()) != text {
			t.Errorf("it is %s, %v, want %s", next.Bytes(), err, text)
		}
	}
}

// engram imports a chunk for each entry that names it.
func TestARenamedEntryStaysInItsPlace(t *testing.T) {
	text := `{"version":2,"chunks":[
  {"created_by":"11111111", "id" : "11111111","created_at":"2026-11-22T09:15:00Z","sessions":1,"memories":2,"prompts":3,"new":[1]},
  {"id":"no"},
  {"id":"22222222","created_at":"2026-11-21T09:15:00Z"},
  {"id":"33333333","created_at":"2026-11-23T09:15:00Z"}
],"later":true}
`
	id := func(s string) engram.ChunkID {
		id, err := engram.ParseChunkID(s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	m, err := mustParse(t, text).Renamed(map[engram.ChunkID]engram.ChunkID{id("11111111"): id("aaaaaaaa"), id("99999999"): id("bbbbbbbb")})
	if want := strings.Replace(text, `"id" : "11111111"`, `"id" : "aaaaaaaa"`, 1); err != nil || string(m.Bytes()) != want {
		t.Errorf("%v, %s", err, m.Bytes())
	}
	m, err = mustParse(t, text).Renamed(map[engram.ChunkID]engram.ChunkID{id("11111111"): id("22222222"), id("33333333"): id("cccccccc")})
	if err != nil || len(m.Entries()) != 2 || m.Entries()[0].ID != id("22222222") || m.Entries()[1].ID != id("cccccccc") {
		t.Errorf("%v, %s", err, m.Bytes())
	}
}

func TestAnOddEntryKeepsItsChunkFromASecondOne(t *testing.T) {
	m := mustParse(t, `{"version":1,"chunks":[{"id":"c830cde8"}]}`)
	e := entry(t, "c830cde8", "2026-11-22T09:14:58Z")
	if next, err := m.With(1, e); err != nil || !m.Names(e.ID) || len(next.Entries()) > 0 {
		t.Errorf("it is %v, %v", next.Entries(), err)
	}
}

func TestNullChunksAreNone(t *testing.T) {
	m := mustParse(t, `{"version":1,"chunks":null}`)
	m, err := m.With(1, entry(t, "c830cde8", "2026-11-22T09:14:58Z"))
	if err != nil || len(m.Entries()) != 1 {
		t.Errorf("got %d entries, %v", len(m.Entries()), err)
	}
}

func TestABadEntryOfAServerDoesNotStopTheOthers(t *testing.T) {
	m, err := engram.ReadServerManifest(strings.NewReader(`{"chunks":[{"id":"../x","created_at":"2026-11-22T09:14:58Z"},{"id":"ABCDEF12"},7,
		{"id":"c830cde8","created_at":"2026-11-22T03:56:06.966054-05:00"},{"id":"c830cde8","created_at":"2030-11-22T09:14:58Z"}],"version":1}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Entries()) != 1 || m.Entries()[0].CreatedAt != "2026-11-22T03:56:06.966054-05:00" {
		t.Errorf("entries %+v", m.Entries())
	}
	ids := []string{}
	for _, r := range m.Rejected() {
		ids = append(ids, r.ID)
	}
	if diff := cmp.Diff([]string{"../x", "ABCDEF12", ""}, ids); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
}

// A server's manifest is read piece by piece, wherever the pieces end, and says the same.
func TestAServersManifestComesInPieces(t *testing.T) {
	var entries, odd strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&entries, ",\n {\"id\":\"%08x\",\"created_by\":\"zo\u00eb%d\",\"created_at\":\"2026-11-22T09:14:58Z\",\"sessions\":1,\"memories\":2,\"prompts\":0}", i, i%7)
		if i%100 == 0 {
			fmt.Fprintf(&odd, ",{\"created_at\":\"2026-11-22T09:14:58Z\",\"more\":%q,\"id\":\"f%07x\"}", strings.Repeat("\u00e9", i), i)
		}
	}
	text := `{"chunks":[{"id":"ABCDEF12"}` + entries.String() + odd.String() + `],"x":[{"id":1}],"version":2}`
	readers := map[string]func(io.Reader) io.Reader{
		"as it comes":   func(r io.Reader) io.Reader { return r },
		"byte by byte":  iotest.OneByteReader,
		"in halves":     iotest.HalfReader,
		"with its end":  iotest.DataErrReader,
		"in 1021 bytes": func(r io.Reader) io.Reader { return bufio.NewReaderSize(io.MultiReader(r), 1021) },
	}
	want := mustParse(t, strings.Replace(text, `"x"`, `"y"`, 1))
	for name, read := range readers {
		m, err := engram.ReadServerManifest(read(strings.NewReader(text)), 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Version() != 2 || !m.ListFirst() || len(m.Rejected()) != 1 || !slices.Equal(m.Entries(), want.Entries()) {
			t.Errorf("%s: version %d, %d entries, %d rejected", name, m.Version(), len(m.Entries()), len(m.Rejected()))
		}
		last := m.Entries()[len(m.Entries())-1]
		if e, ok := m.Entry(last.ID); !ok || e != last || !m.Names(last.ID) {
			t.Errorf("%s: the last entry is not found", name)
		}
	}
	for cut := range 400 {
		at := len(text) * cut / 400
		_, err := engram.ReadServerManifest(strings.NewReader(text[:at]), 0)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, engram.ErrDamaged) {
			t.Fatalf("cut after %d bytes: %v", at, err)
		}
	}
	lost := errors.New("lost")
	if _, err := engram.ReadServerManifest(io.MultiReader(strings.NewReader(text[:len(text)/2]), iotest.ErrReader(lost)), 0); !errors.Is(err, lost) {
		t.Errorf("the connection was lost, and the error is %v", err)
	}
}

// What a server sends is bounded where it is held, and judged as strictly as before.
func TestAServersManifestIsRefused(t *testing.T) {
	filler := strings.Repeat(" ", 200_000)
	for text, want := range map[string]string{
		`{"version":1,` + filler + `"chunks":[` + "\"\xff\"" + `]}`:              "UTF-8",
		`{"version":1,"x":"` + strings.Repeat("\u00e9", 40_000) + "\xc3\"" + `}`: "UTF-8",
		"{\n\"version\":1," + strings.Repeat("\n", 200_000) + `"chunks":7}`:      "line 200002",
		`{"version":1,` + filler + `"version":1,"chunks":[]}`:                    "version",
		`{"chunks":[` + strings.Repeat("0,", 1<<18) + `0],"version":1}`:          "entry",
		`{"chunks":[{"id":"` + strings.Repeat("x", 9<<20) + `"}],"version":1}`:   "takes more than",
		`{"chunks":[]}`: `"version" is missing`,
		"\ufeff{}":      "byte order mark",
		"":              "too early",
	} {
		if _, err := engram.ReadServerManifest(strings.NewReader(text), 0); !errors.Is(err, engram.ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

func TestAFutureTimeIsClamped(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 999, time.UTC)
	if got := entry(t, "c830cde8", "2027-01-01T00:00:00Z").Clamped(now).CreatedAt; got != "2026-11-23T08:00:00Z" {
		t.Errorf("got %s", got)
	}
	const past = "2026-11-23T02:59:59.5-05:00"
	if got := entry(t, "c830cde8", past).Clamped(now).CreatedAt; got != past {
		t.Errorf("a time in the past became %s", got)
	}
}

// FuzzManifest: what is accepted can be appended to, and loses nothing by it.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(oneEntry))
	f.Add([]byte(`{"chunks":null,"version":2,"x":[[]]}`))
	f.Add([]byte(`{"version":2,"chunks":[{"id":"00000000","0000":"","00000":0}]}`))
	f.Add([]byte(`{"version":1,"chunks":[{"id":"c830cde8","created_at":"2026-11-22T09:14:58Z","y":{}}]}` + "\r\n"))
	f.Add([]byte(`{"version":7,"chunks":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := engram.ParseManifest(text)
		if err != nil {
			return
		}
		if !jsonValid(text) {
			t.Fatalf("accepted %q", text)
		}
		added, err := m.With(2, entry(t, "00000000", "2026-11-22T09:14:58Z"))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for i, e := range m.Entries() {
			if added.Entries()[i] != e {
				t.Errorf("entry %d changed from %+v to %+v", i, e, added.Entries()[i])
			}
		}
		// An odd entry that names the chunk already is kept in place of a second one, and a higher version.
		if !added.Names(mustID(t, "00000000")) || added.Version() != max(2, m.Version()) {
			t.Errorf("the new entry or version is missing in %q", added.Bytes())
		}
	})
}

func BenchmarkParseManifest10000(b *testing.B) {
	m := engram.NewManifest()
	entries := make([]engram.ChunkEntry, 10000)
	for i := range entries {
		entries[i] = entry(b, "c830cde8", "2026-11-22T09:14:58Z")
		entries[i].ID = engram.IDOf([32]byte{byte(i >> 8), byte(i)})
	}
	m, err := m.With(1, entries...)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := engram.ParseManifest(m.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
