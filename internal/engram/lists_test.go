package engram_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// pieces gives out at most so many bytes at a time, and spoils what it gave before.
type pieces struct {
	from io.Reader
	size int
	last []byte
}

func (r *pieces) Read(p []byte) (int, error) {
	for i := range r.last {
		r.last[i] = '#'
	}
	n, err := r.from.Read(p[:min(len(p), r.size)])
	r.last = p[:n]
	return n, err
}

// The members of rows come as they are written, wherever the text is cut, and under the
// names that engram reads.
func TestRowsAreCutIntoMembers(t *testing.T) {
	long := strings.Repeat("n", 300)
	text := `{"SESSIONS":[ {"id" : "s\n","Later":{"a":[1,{"id":2}]}} , {} ],"other":[{"id":"no"},[1]],"prompts":null,
		"observations":[{"id":1,"` + long + `":true,"\u0073ync_id":"o"},5,[{"id":3}],null,{"` + "\u017f" + `ync_id":-1.5,"id":"x","id":null}]}`
	want := []string{
		`sessions[0] {"id" : "s\n","Later":{"a":[1,{"id":2}]}} id="s\n" later={"a":[1,{"id":2}]}`,
		`sessions[1] {}`,
		`observations[0] {"id":1,"` + long + `":true,"\u0073ync_id":"o"} id=1 =true sync_id="o"`,
		`observations[1] 5`,
		`observations[2] [{"id":3}]`,
		`observations[3] null`,
		`observations[4] {"` + "\u017f" + `ync_id":-1.5,"id":"x","id":null} sync_id=-1.5 id="x" id=null`,
	}
	for _, size := range []int{1, 2, 3, 7, 50, 1 << 20} {
		var got []string
		add := func(r rowstream.Row) {
			line := fmt.Sprintf("%s[%d] %s", r.List, r.Index, r.Text)
			for _, m := range r.Members {
				line += fmt.Sprintf(" %s=%s", m.Name, m.Value)
			}
			got = append(got, line)
		}
		read := func() io.Reader { return &pieces{from: strings.NewReader(text), size: size} }
		for name, r := range map[string]io.Reader{"a text": read(), "a chunk": engram.AddressChunk(io.NopCloser(read()), 1<<20)} {
			got = nil
			if err := engram.ReadMembers(r, add, "sessions", "observations", "prompts"); err != nil {
				t.Fatalf("%s in pieces of %d: %v", name, size, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in pieces of %d (-want +got):\n%s", name, size, diff)
			}
		}
	}
}
