package engram_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/engram-sync/engram-sync/internal/engram"
)

func TestMembersTellAGeneration(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want engram.Generation
		may  bool // it has a word that could be such a member
	}{
		"1.x":                     {`{"sessions":[{"id":"s"}],"observations":[{"review_after":"2027-01-01"}],"prompts":[{"content":"x"}]}`, engram.Gen1, false},
		"a project's session":     {`{"sessions":[{"id":"s"},{"id":"m","ownership_mode":"project_owned"}]}`, engram.Gen2, true},
		"a shared one":            {`{"sessions":[{"id":"m","ownership_mode":"shared"}]}`, engram.Gen2, true},
		"no mode":                 {`{"sessions":[{"id":"m","ownership_mode":""},{"ownership_mode":null}]}`, engram.Gen1, true},
		"a disposition":           {`{"mutations":[{"entity":"prompt","op":"delete","disposition":""}]}`, engram.Gen2, true},
		"1.20's relations":        {`{"mutations":[{"entity":"relation","op":"upsert","payload":"{}"}]}`, engram.Gen1, false},
		"a payload's mode":        {`{"mutations":[{"entity":"session","op":"upsert","payload":"{\"ownership_mode\":\"shared\"}"}]}`, engram.Gen2, true},
		"an object as payload":    {`{"mutations":[{"entity":"session","op":"delete","payload":{"ownership_mode":"shared"}}]}`, engram.Gen2, true},
		"an inbox":                {`{"prompts":[{"source_inbox_id":"i"}],"sessions":[{"ownership_mode":"shared"}]}`, engram.Gen3, true},
		"a memory about it":       {`{"observations":[{"title":"ownership_mode","content":"\"ownership_mode\":\"project_owned\""}]}`, engram.Gen1, true},
		"a mode as a later value": {`{"sessions":[{"ownership_mode":{"of":1}}]}`, engram.Gen2, true},
	} {
		for _, read := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
			c := engram.AddressChunk(io.NopCloser(read(strings.NewReader(tc.text))), 1<<20)
			c.Signs = true
			contents, err := engram.ReadRows(c, engram.ReadContents)
			if err != nil || contents.Generation != tc.want || c.MayTell() != tc.may {
				t.Errorf("%s: %v, may %v, %v", name, contents.Generation, c.MayTell(), err)
			}
		}
	}
}
