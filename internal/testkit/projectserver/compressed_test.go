package projectserver_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

const compressedType = "application/vnd.engram.sync+gzip; version=1"

func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Source: project-server.md 12.
func TestCompressedEnvelopes(t *testing.T) {
	c := start(t, projectserver.Options{Compressed: true, MaxPushBytes: 5000})
	zipped := func(body string) answer {
		return c.do("POST", "/sync/push", zip(t, body), "Content-Type: "+compressedType)
	}
	c.is(zipped(`{"project":"proj-a","data":{"a":"b"}}`), 200, "ok")
	id := c.server.Chunks("proj-a")[0]
	c.is(c.do("GET", "/sync/pull/"+id+"?project=proj-a", ""), 200, `{"a": "b"}`)
	a := c.do("GET", "/sync/pull/"+id+"?project=proj-a", "", "Accept: application/json, "+compressedType)
	r, err := gzip.NewReader(strings.NewReader(a.text))
	if err != nil || a.header.Get("Content-Type") != compressedType {
		t.Fatalf("%v %v", a, err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != `{"a": "b"}` {
		t.Errorf("got %s, %v", text, err)
	}
	c.is(zipped(`{"project":"proj-a","data":{"a":"`+strings.Repeat("b", 6000)+`"}}`), 413, "(max 5000 bytes)")
	c.is(c.do("POST", "/sync/push", "no gzip", "Content-Type: "+compressedType), 400, "upgrade_repairable_payload_invalid")
}

func TestOlderServersTakeGzipForBadJSON(t *testing.T) {
	c := start(t, projectserver.Options{})
	c.is(c.do("POST", "/sync/push", zip(t, `{"project":"proj-a","data":{}}`), "Content-Type: "+compressedType), 400, "upgrade_repairable_payload_invalid")
}
