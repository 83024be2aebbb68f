package protocol_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// What a server says of a row, and nobody here knows, is in the line that a pull
// writes, and in what a push of that line sends.
func TestMembersThatNobodyKnowsTravelWithTheirRow(t *testing.T) {
	for extra, want := range map[string]string{
		`"x_future":{"n":1.50,"b":[null]},"a" : "\u003c"`: `"x_future":{"n":1.50,"b":[null]},"a" : "\u003c"`,
		"\"x_future\":[1,\n2]":                            "\"x_future\":[1,2]",
		`"disposition":"superseded","acked_at":null`:      "", // which mean nothing to others
		`"x":1,"x":2`: "-", `"ENTITY_":1,"Source":"x"`: "-", `"` + strings.Repeat("n", 300) + `":1`: "-",
	} {
		page, err := pullPage(t, 0, `{"mutations":[{`+extra+`,"seq":1,"entity":"session","entity_key":"s","op":"upsert","payload":{"ownership_mode":"shared"}}],"has_more":false}`)
		if err != nil {
			t.Fatalf("%s: %v", extra, err)
		}
		line := journal.AppendLine(nil, page.Mutations[0])
		if strings.Count(string(line), "\n") != 1 {
			t.Errorf("%s: not a line: %q", extra, line)
		}
		if dropped := page.Mutations[0].Extra == ""; dropped != (want == "-") {
			t.Errorf("%s: %q is kept", extra, page.Mutations[0].Extra)
		}
		sent, err := engram.ParseMutation(line)
		if err != nil || sent.Extra != strings.Trim(want, "-") || string(sent.Payload) != `{"ownership_mode":"shared"}` {
			t.Errorf("%s: %+v, %v", extra, sent, err)
		}
	}
}

// A row with very many members costs about what its text does: who writes the page
// decides how many there are.
func TestVeryManyMembersCostLittle(t *testing.T) {
	const members = 20_000
	page := `{"mutations":[{"seq":1,"entity":"session","entity_key":"s","op":"upsert"` + strings.Repeat(`,"a":1`, members) + `}],"has_more":false}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := pullPage(t, 0, page); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 200*uint64(len(page)) {
		t.Errorf("%d bytes were allocated for %d", taken, len(page))
	}
}
