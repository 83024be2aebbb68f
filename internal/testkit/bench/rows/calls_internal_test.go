package rows

import (
	"maps"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
)

// What strace 6.1 prints, and what else could stand there, is counted by kind; where nothing was counted, nothing is known.
func TestCallsOf(t *testing.T) {
	text := `    calls syscall
--------- ------------------
      900 futex
       30 write
       10 pwrite64
        5 fsync
       20 newfstatat
        5 openat
--------- ------------------
      970 total
`
	want := bench.Sample{
		callKinds[0].Figure: 4, callKinds[1].Figure: 0, callKinds[2].Figure: 0.5, callKinds[3].Figure: 0, callKinds[4].Figure: 2.5,
	}
	if got, err := callsOf(text, 10); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
	if got, err := callsOf("strace: Process 1 attached\n", 10); err == nil {
		t.Errorf("of nothing it makes %v", got)
	}
}
