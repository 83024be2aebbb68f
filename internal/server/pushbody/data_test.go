package pushbody_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/engram-sync/engram-sync/internal/server/pushbody"
)

// The content comes out byte for byte, however the body comes in pieces.
func TestData(t *testing.T) {
	const rows = `{"sessions":[{"id":"s","n":[1,2,3]}] , "prompts":[ "\u00e9}{" ],"x":{"data":{"y":1}}}`
	for body, want := range map[string]string{
		`{"chunk_id":"00000001","data":` + rows + `}`:         rows + "|",
		`{"data":` + rows + " \n}":                            rows + "| \n",
		`{"DATA" :` + rows + "\n , \"x\":[[{\"data\":{}}]] }": rows + "|\n ",
		`{"x":{"data":{"y":[1]}},"chunk_id":"00000001"}`:      "|",
		`{"data":null,"created_by":"data"}`:                   "|",
		`{"data":{}}`:                                         "{}|",
		`{"data":` + rows + strings.Repeat(" ", 5000) + `}`:   rows + "|" + strings.Repeat(" ", 4096),
	} {
		for name, src := range map[string]io.Reader{
			"at once": strings.NewReader(body), "a byte at a time": iotest.OneByteReader(strings.NewReader(body)), "the end with it": iotest.DataErrReader(strings.NewReader(body)),
		} {
			d := pushbody.NewData(src, 3)
			got, err := io.ReadAll(iotest.HalfReader(d))
			if text := fmt.Sprintf("%s|%s", got, d.Tail()); err != nil || text != want {
				t.Errorf("%s of %q: %q (%v), want %q", name, body, text, err, want)
			}
		}
	}
	if err := iotest.TestReader(pushbody.NewData(strings.NewReader(`{"data":`+rows+`}`), 3), []byte(rows)); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(pushbody.NewData(strings.NewReader(`{"data":`+rows+`}`), 1)); !errors.Is(err, pushbody.ErrManyRows) {
		t.Error(err)
	}
	broken := errors.New("the disk")
	for _, src := range []io.Reader{strings.NewReader(`{"data":{"x" 1}}`), io.MultiReader(bytes.NewReader([]byte(`{"data":{`)), iotest.ErrReader(broken))} {
		if got, err := io.ReadAll(pushbody.NewData(src, 3)); err == nil {
			t.Errorf("%q", got)
		}
	}
}
