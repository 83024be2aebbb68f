package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/recorded"
)

// TestRecorded asks this server what engram 1.9.4's was asked, in the same
// order. Where it answers otherwise, that is one of differences, and each of
// those is seen.
func TestRecorded(t *testing.T) {
	t.Parallel()
	r := newReplay(t)
	for _, e := range recorded.Load(t, recorded.Account194) {
		if r.skip(e) {
			continue
		}
		r.prepare(e)
		r.check(e)
	}
	r.table.Report()
	r.isTold()
}

// isTold looks for each class of differences in the table of the page.
func (r *replay) isTold() {
	r.t.Helper()
	page, err := os.ReadFile("../../docs/self-hosting.md")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, class := range r.table.Classes() {
		if !strings.Contains(string(page), "\n| "+class+" | ") {
			r.t.Errorf("docs/self-hosting.md does not tell of %q", class)
		}
	}
}

// replay is one server that the recorded requests are put to.
type replay struct {
	t      *testing.T
	server *server.Server
	dir    string
	addr   string
	values recorded.Values

	table   *recorded.Table
	seqs    map[int64]int64 // this server's number of a mutation by the recorded one
	oneSide map[string]bool // chunks that only one of the servers has accepted
}

func newReplay(t *testing.T) *replay {
	dir := t.TempDir()
	s := open(t, server.Options{Dir: dir, TrustedProxies: loopback}) // the recorded limits count by it
	listener := httptest.NewServer(s.Handler())
	t.Cleanup(listener.Close)
	r := &replay{
		t: t, server: s, dir: dir, addr: listener.Listener.Addr().String(), values: recorded.Values{},
		table: recorded.NewTable(t, differences), seqs: map[int64]int64{}, oneSide: map[string]bool{},
	}
	r.table.Alike = r.alike
	return r
}

// skip says whether an exchange cannot be had here, and counts why.
func (r *replay) skip(e recorded.Exchange) bool {
	big := e.Request.Body.Size > 4<<20 || e.Response.Summary != nil && e.Response.Summary.Size > 4<<20
	why := ""
	switch {
	case e.Database != "" && e.Database != "up" && e.Database != "just started":
		why = "a state of PostgreSQL"
	case strings.Contains(string(e.Response.Body), "project sync paused") || e.Name == "mpull-b-paused":
		why = "a paused project"
	case big && testing.Short():
		why = "large, in a short run"
		r.oneSide[pushedID(e)] = true
	default:
		return false
	}
	r.table.Skip(e, why)
	return true
}

// prepare does to the server what was done to the recorded one.
func (r *replay) prepare(e recorded.Exchange) {
	r.t.Helper()
	if slices.Contains(e.Before, "account B deleted from the database") {
		// The nearest that can happen to an account here.
		if err := r.server.SetDisabled(r.t.Context(), "bert", true); err != nil {
			r.t.Fatal(err)
		}
	}
	if r.values["TOKEN_A"] != "" && r.values["TOKEN_A_EXPIRED"] == "" {
		r.forge()
	}
}

// forge makes the tokens that were forged for the recording, from A's own.
func (r *replay) forge() {
	r.t.Helper()
	key, err := os.ReadFile(filepath.Join(r.dir, "signing.key"))
	if err != nil {
		r.t.Fatal(err)
	}
	sign := func(name, original string, method jwt.SigningMethod, key any, claims jwt.MapClaims) {
		all := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(r.values[original], all); err != nil {
			r.t.Fatal(err)
		}
		maps.Copy(all, claims)
		token, err := jwt.NewWithClaims(method, all).SignedString(key)
		if err != nil {
			r.t.Fatal(err)
		}
		r.values[name] = token
	}
	expired := jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}
	sign("TOKEN_A_EXPIRED", "TOKEN_A", jwt.SigningMethodHS256, key, expired)
	sign("REFRESH_A_EXPIRED", "REFRESH_A", jwt.SigningMethodHS256, key, expired)
	sign("TOKEN_A_OTHERKEY", "TOKEN_A", jwt.SigningMethodHS256, []byte("another key of thirty-two bytes."), nil)
	sign("TOKEN_A_NONE", "TOKEN_A", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil)
	sign("TOKEN_A_HS512", "TOKEN_A", jwt.SigningMethodHS512, key, nil)
	ghost := uuid.NewString()
	sign("TOKEN_GHOST", "TOKEN_A", jwt.SigningMethodHS256, key, jwt.MapClaims{"user_id": ghost, "sub": ghost})
	sign("TOKEN_NOT_UUID", "TOKEN_A", jwt.SigningMethodHS256, key, jwt.MapClaims{"user_id": "not-a-uuid", "sub": "not-a-uuid"})
}

// check puts one request to the server and judges the answer.
func (r *replay) check(e recorded.Exchange) {
	r.t.Helper()
	e.Request.Path = r.sinceHere(e.Request.Path)
	got := e.Request.Send(r.t, r.addr, r.values)
	r.remember(e, got)
	r.table.Check(e, got, r.values)
}

var sinceSeq = regexp.MustCompile(`(since_seq=(?:%2B)?)(\d{1,4})\b`)

// sinceHere puts this server's number of a mutation into a query, in place of
// the recorded one: the numbers of refused rows are not lost here.
func (r *replay) sinceHere(path string) string {
	return sinceSeq.ReplaceAllStringFunc(path, func(text string) string {
		parts := sinceSeq.FindStringSubmatch(text)
		want, _ := strconv.ParseInt(parts[2], 10, 64) // it is digits
		here := int64(0)
		for there, seq := range r.seqs {
			if there <= want {
				here = max(here, seq)
			}
		}
		return parts[1] + strconv.FormatInt(here, 10)
	})
}

// remember notes what a push tells: numbers of mutations, and chunks that only
// one side has taken.
func (r *replay) remember(e recorded.Exchange, got recorded.Answer) {
	var there, here struct {
		Accepted int64 `json:"accepted"`
		LastSeq  int64 `json:"last_seq"`
	}
	if json.Unmarshal(e.Response.Body, &there) == nil && json.Unmarshal(got.Body, &here) == nil && there.Accepted == here.Accepted {
		for back := range here.Accepted {
			r.seqs[there.LastSeq-back] = here.LastSeq - back
		}
	}
	if got.Status != e.Response.Status {
		r.oneSide[pushedID(e)] = true
	}
}

var chunkID = regexp.MustCompile(`"(?i:chunk_id)":"([0-9a-f]{8})"`)

// pushedID is the id of the chunk that a request pushes, "" if it is none.
func pushedID(e recorded.Exchange) string {
	found := chunkID.FindAllStringSubmatch(e.Request.Body.String()[:min(100, len(e.Request.Body.String()))], -1)
	if e.Request.Path != "/sync/push" || found == nil {
		return ""
	}
	return found[len(found)-1][1] // where two stand, the last counts
}

// alike takes out of a manifest what only one side has, and puts a page's
// payloads into one form: here they come back as they were sent.
func (r *replay) alike(_ recorded.Exchange, body []byte) []byte {
	var doc map[string]any
	if err := decodeNumbers(body, &doc); err != nil {
		return body
	}
	if chunks, isManifest := doc["chunks"].([]any); isManifest {
		doc["chunks"] = slices.DeleteFunc(chunks, func(entry any) bool {
			return r.oneSide[fmt.Sprint(entry.(map[string]any)["id"])]
		})
	}
	if rows, isPage := doc["mutations"].([]any); isPage {
		// The one row that only the recorded server took, and the one that only this one did.
		doc["mutations"] = slices.DeleteFunc(rows, func(row any) bool {
			key := fmt.Sprint(row.(map[string]any)["entity_key"])
			return strings.Contains(key, "\ufffd") || key == "k" && strings.Contains(fmt.Sprint(row), "1e200000")
		})
	}
	text, err := json.Marshal(plainNumbers(doc))
	if err != nil {
		r.t.Error(err)
	}
	return text
}

func decodeNumbers(text []byte, v any) error {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	return dec.Decode(v)
}

// plainNumbers writes numbers without exponents, and no -0.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		value, ok := new(big.Rat).SetString(v.String())
		if !ok || len(v) > 10 && strings.Contains(v.String(), "e") {
			return v.String()
		}
		return value.RatString()
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plainNumbers(v[name])
		}
	}
	return v
}
