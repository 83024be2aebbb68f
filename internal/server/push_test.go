package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
)

func accepted(id string, sessions, observations, prompts int) string {
	return fmt.Sprintf(`{"chunk_id":%q,"observations_stored":%d,"prompts_stored":%d,"sessions_stored":%d,"status":"accepted"}`+"\n",
		id, observations, prompts, sessions)
}

func conflict(id string) string {
	return failure("chunk " + id + " already exists with different content")
}

// Rows of account-server.md 3.1, 3.2 and 10: what is accepted, and how its rows
// are counted. What is accepted comes back byte for byte.
func TestAcceptedPushes(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	for i, tt := range []struct {
		name, body string // with ID for the id
		counts     [3]int // sessions, observations, prompts
	}{
		{"id only", `{"chunk_id":"ID"}`, [3]int{}},
		{"data null", `{"chunk_id":"ID","created_by":null,"data":null}`, [3]int{}},
		{"lists null", `{"chunk_id":"ID","data":{"sessions":null,"observations":null,"prompts":null}}`, [3]int{}},
		{"one of each", `{"chunk_id":"ID","created_by":"dev","data":{
			"sessions":[{"id":"s","project":"p","directory":"/d","started_at":"x","ended_at":"","summary":null}],
			"observations":[{"session_id":"s","type":"note","title":"t","content":"c","tool_name":"?","project":"p","scope":"personal","topic_key":"k"}],
			"prompts":[{"session_id":"s","content":"c","project":"p"}]}}`, [3]int{1, 1, 1}},
		{"rows without what they need", `{"chunk_id":"ID","data":{
			"sessions":[{"id":"s"},{"project":"p"},{"id":"","project":"p"},null,{}],
			"observations":[{"session_id":"s","title":"t"},{"session_id":"s","content":"c"},{"title":"t","content":"c"}],
			"prompts":[{"session_id":"s"},{"content":"c"},{"session_id":null,"content":"c"}]}}`, [3]int{}},
		{"blank strings are present, duplicates count", `{"chunk_id":"ID","data":{"sessions":[{"id":" ","project":" "},{"id":" ","project":" "}]}}`, [3]int{2}},
		{"other letter case", `{"CHUNK_ID":"ID","Data":{"Sessions":[{"ID":"s","Project":"p"}],"prompt\u017f":[{"ſession_id":"s","Content":"c"}]}}`, [3]int{1, 0, 1}},
		{"the last of a row's repeated members counts, except null", `{"chunk_id":"ID","data":{"prompts":[
			{"session_id":"s","content":"c","content":""},{"session_id":"s","content":"","content":"c","CONTENT":null}]}}`, [3]int{0, 0, 1}},
		{"unknown members of any kind", `{"chunk_id":"ID","data_":1,"zzz":{"deep":[1,2.50,{"sessions":[{"id":"s","project":"p"}]}]},
			"data":{"zzz":[[[{}]]],"observations":[{"id":7,"sync_id":false,"session_id":"s","title":"t","content":"c","x":{"title":""}}]}}`, [3]int{0, 1, 0}},
		{"NUL, lone surrogate, bad UTF-8", `{"chunk_id":"ID","data":{"prompts":[{"session_id":"s\u0000","content":"\ud800` + "\xff" + `"}]}}`, [3]int{0, 0, 1}},
		{"long strings", `{"chunk_id":"ID","data":{"prompts":[{"session_id":"s","content":"` + strings.Repeat("word ", 300_000) + `"}]}}`, [3]int{0, 0, 1}},
		{"odd white space", "\r\n\t {  \"chunk_id\" :\n\"ID\" , \"data\":\t{ \"prompts\" : [ ] } }  \n\r\n", [3]int{}},
		{"escapes in names and ids", `{"chunk\u005fid":"\u0049\u0044"}`, [3]int{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := fmt.Sprintf("%08x", i)
			body := strings.ReplaceAll(tt.body, "ID", id)
			body = strings.ReplaceAll(body, id+`":"s"`, `ID":"s"`) // the field of a session
			body = strings.ReplaceAll(body, "CHUNK_"+id, "CHUNK_ID")
			if tt.name == "escapes in names and ids" {
				var escaped strings.Builder
				for _, digit := range id {
					fmt.Fprintf(&escaped, `\u%04x`, digit)
				}
				body = strings.ReplaceAll(body, `\u0049\u0044`, escaped.String())
			}
			c.post("/sync/push", body).want(t, 200, accepted(id, tt.counts[0], tt.counts[1], tt.counts[2]))
			r := c.get("/sync/pull/" + id)
			if r.status != 200 || r.body != body {
				t.Errorf("got %d and %d bytes back for %d", r.status, len(r.body), len(body))
			}
		})
	}
}

// Refused pushes leave nothing behind.
func TestRefusedPushes(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	badID := failure("chunk_id must be 8 hex characters")
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", ``, ""},
		{"gzip", "\x1f\x8b\x08\x00", ""},
		{"cut JSON", `{"chunk_id":"0cdb38de"`, ""},
		{"trailing text", `{"chunk_id":"0cdb38de"} x`, ""},
		{"two values", `{"chunk_id":"0cdb38de"}{}`, ""},
		{"byte order mark", "\ufeff" + `{"chunk_id":"0cdb38de"}`, ""},
		{"no id", `{}`, badID},
		{"null", `null`, badID},
		{"7 digits", `{"chunk_id":"0cdb38d"}`, badID},
		{"9 digits", `{"chunk_id":"0cdb38de0"}`, badID},
		{"a letter that is no digit", `{"chunk_id":"0cdb38dg"}`, badID},
		{"a path", `{"chunk_id":"../../xx"}`, badID},
		{"endless id", `{"chunk_id":"` + strings.Repeat("0", 100_000) + `"}`, ""},
		{"array", `[]`, ""},
		{"id a number", `{"chunk_id":12345678}`, ""},
		{"data a string", `{"chunk_id":"0cdb38de","data":"{}"}`, ""},
		{"sessions an object", `{"chunk_id":"0cdb38de","data":{"sessions":{}}}`, ""},
		{"row a number", `{"chunk_id":"0cdb38de","data":{"sessions":[1]}}`, ""},
		{"optional field a number", `{"chunk_id":"0cdb38de","data":{"observations":[{"topic_key":1}]}}`, ""},
		{"field in other letter case a number", `{"chunk_id":"0cdb38de","data":{"observations":[{"Type":5}]}}`, ""},
		{"two ids", `{"chunk_id":"0cdb38de","chunk_id":"0cdb38de"}`, ""},
		{"two ids in other letter case", `{"chunk_id":"0cdb38de","Chunk_ID":"0cdb38df"}`, ""},
		{"two data", `{"chunk_id":"0cdb38de","data":{},"d\u0061ta":null}`, ""},
		{"two lists of one kind", `{"chunk_id":"0cdb38de","data":{"prompts":[],"PROMPTS":[]}}`, ""},
		{"too deep", `{"chunk_id":"0cdb38de","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, ""},
		{"created_by too long", `{"chunk_id":"0cdb38de","created_by":"` + strings.Repeat("x", 1025) + `"}`, failure("created_by must be at most 1024 bytes")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := c.post("/sync/push", tt.body)
			r.want(t, http.StatusBadRequest, tt.want)
			if tt.want == "" && !strings.HasPrefix(r.body, `{"error":"invalid json: `) {
				t.Errorf("got %q", r.body)
			}
		})
	}
	c.get("/sync/pull").want(t, 200, `{"chunks":[],"version":1}`+"\n")
}

func idOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:4])
}

func TestAnIDKeepsItsContent(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	const first = `{"chunk_id":"0cdb38de","data":{"sessions":[{"id":"s","project":"p"}]}}`
	c.post("/sync/push", first).want(t, 200, accepted("0cdb38de", 1, 0, 0))
	tag := c.get("/sync/pull").header.Get("ETag")

	// The same data under another envelope is the same chunk.
	again := `{"created_by":"other", "data":{"sessions":[{"id":"s","project":"p"}]} ,"chunk_id":"0cdb38de"}`
	c.post("/sync/push", again).want(t, 200, accepted("0cdb38de", 1, 0, 0))
	// The same rows in other bytes are not.
	c.post("/sync/push", `{"chunk_id":"0cdb38de","data":{"sessions":[{"project":"p","id":"s"}]}}`).
		want(t, http.StatusConflict, conflict("0cdb38de"))
	c.post("/sync/push", `{"chunk_id":"0cdb38de"}`).want(t, http.StatusConflict, conflict("0cdb38de"))
	c.get("/sync/pull/0cdb38de").want(t, 200, first)
	if got := c.get("/sync/pull").header.Get("ETag"); got != tag {
		t.Errorf("the manifest's tag went from %s to %s, and nothing changed", tag, got)
	}
	// Absent and null are the same, too.
	c.post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	c.post("/sync/push", `{"chunk_id":"00000001","data":null}`).want(t, 200, "")
	c.get("/sync/pull/00000001").want(t, 200, `{"chunk_id":"00000001"}`)
	// Letter case matters in ids.
	for _, id := range []string{"ABCDEF12", "abcdef12", "AbCdEf12"} {
		body := `{"chunk_id":"` + id + `","data":{"x":"` + id + `"}}`
		c.post("/sync/push", body).want(t, 200, accepted(id, 0, 0, 0))
		c.get("/sync/pull/"+id).want(t, 200, body)
	}
}

// Old clients push reduced documents, which cannot hash to their id. The data
// that does hash to it must win, whoever comes first.
func TestDataThatFitsItsIDReplacesDataThatDoesNot(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	const data = `{"prompts":[{"session_id":"s","content":"c","sync_id":"x"}]}`
	id := idOf(data)
	reduced := `{"chunk_id":"` + id + `","created_by":"old","data":{"prompts":[{"session_id":"s","content":"c"}]}}`
	whole := `{"chunk_id":"` + id + `","created_by":"new","data":` + data + `}`
	otherReduced := strings.Replace(reduced, `"c"`, `"d"`, 1)

	c.post("/sync/push", reduced).want(t, 200, accepted(id, 0, 0, 1))
	c.post("/sync/push", otherReduced).want(t, http.StatusConflict, conflict(id))
	c.post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	tag := c.get("/sync/pull").header.Get("ETag")
	c.post("/sync/push", whole).want(t, 200, accepted(id, 0, 0, 1))
	c.get("/sync/pull/"+id).want(t, 200, whole)
	manifest := c.get("/sync/pull")
	if manifest.header.Get("ETag") == tag || strings.Count(manifest.body, id) != 1 || !strings.Contains(manifest.body, `"created_by":"new"`) {
		t.Errorf("the manifest is still %s", manifest.body)
	}
	c.post("/sync/push", reduced).want(t, http.StatusConflict, conflict(id))
	c.get("/sync/pull/"+id).want(t, 200, whole)
}

func TestParallelPushesOfOneChunk(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c.post("/sync/push", `{"chunk_id":"0cdb38de","data":{}}`).want(t, 200, accepted("0cdb38de", 0, 0, 0))
		})
	}
	all.Wait()
	if got := strings.Count(c.get("/sync/pull").body, "0cdb38de"); got != 1 {
		t.Errorf("listed %d times", got)
	}
}

func TestAccountsDoNotSeeEachOther(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	alice, bob := c.as(c.register("alice").AccessToken), c.as(c.register("bob").AccessToken)
	alice.post("/sync/push", `{"chunk_id":"0cdb38de","data":{"of":"alice"}}`).want(t, 200, "")
	bob.get("/sync/pull").want(t, 200, `{"chunks":[],"version":1}`+"\n")
	bob.get("/sync/pull/0cdb38de").want(t, 404, failure("chunk not found"))
	bob.post("/sync/push", `{"chunk_id":"0cdb38de","data":{"of":"bob"}}`).want(t, 200, "")
	alice.get("/sync/pull/0cdb38de").want(t, 200, `{"chunk_id":"0cdb38de","data":{"of":"alice"}}`)
	bob.get("/sync/pull/0cdb38de").want(t, 200, `{"chunk_id":"0cdb38de","data":{"of":"bob"}}`)
}

// bigBody is a push of exactly size bytes, without holding them.
func bigBody(id string, size int64) io.Reader {
	head := `{"chunk_id":"` + id + `","data":{"prompts":[{"session_id":"s","content":"`
	const tail = `"}]}}`
	filler := io.LimitReader(&letters{}, size-int64(len(head)+len(tail)))
	return io.MultiReader(strings.NewReader(head), filler, strings.NewReader(tail))
}

// letters is the alphabet without end.
type letters struct{ read int }

func (l *letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a' + byte((l.read+i)%26)
	}
	l.read += len(p)
	return len(p), nil
}

// maxPush is the limit of a push in bytes, inclusive.
const maxPush = 52_428_800

// account-server.md 1.3. Both ways to send a body are limited alike.
func TestAPushHas50MiB(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	c := listen(t, open(t, server.Options{}))
	send := func(id string, size, length int64) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/sync/push", bigBody(id, size))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length // -1 is chunked
		req.Header.Set("Authorization", "Bearer "+c.token)
		return c.http.Do(req)
	}
	for name, length := range map[string][2]int64{"known length": {maxPush, maxPush + 1}, "chunked": {-1, -1}} {
		t.Run(name, func(t *testing.T) {
			resp, err := send("00000001", maxPush, length[0])
			if err != nil {
				t.Fatal(err)
			}
			defer shut(t, resp.Body)
			if resp.StatusCode != 200 {
				t.Errorf("50 MiB: %d", resp.StatusCode)
			}
			resp, err = send("00000002", maxPush+1, length[1])
			if err != nil {
				t.Fatal(err)
			}
			defer shut(t, resp.Body)
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			reply{resp.StatusCode, resp.Header, string(text)}.want(t, 413, failure("request body too large (max 50MB)"))
			if !resp.Close {
				t.Error("the connection stays open")
			}
		})
	}
	c.get("/sync/pull/00000002").want(t, 404, "")
	if r := c.do(http.MethodHead, "/sync/pull/00000001", nil); r.header.Get("Content-Length") != "52428800" {
		t.Errorf("Content-Length %q", r.header.Get("Content-Length"))
	}
}
