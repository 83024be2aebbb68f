package serve

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/certs"
)

// TestCertificate is renewed as its tools do it, one file after the other: what is shown is always a whole pair.
func TestCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &certificate{files: [2]string{filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")}, log: slog.New(slog.DiscardHandler)}
	if err := c.load(); err == nil {
		t.Fatal("files that are missing were loaded")
	}
	newPair := func(serial int64) [2][]byte {
		cert, key := certs.New(t, serial)
		return [2][]byte{cert, key}
	}
	write := func(which int, pair [2][]byte) {
		if err := os.WriteFile(c.files[which], pair[which], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serial := func() int64 {
		c.looked = time.Time{} // a second later
		cert, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.SerialNumber.Int64()
	}
	first, second := newPair(1), newPair(2)
	write(0, first)
	write(1, first)
	if err := c.load(); err != nil || serial() != 1 {
		t.Fatalf("%v, shown: %d", err, serial())
	}
	write(0, second)
	if got := serial(); got != 1 {
		t.Errorf("half of a pair: %d is shown", got)
	}
	write(1, second)
	if got := serial(); got != 2 {
		t.Errorf("after its renewal %d is shown", got)
	}
	if err := os.Remove(c.files[0]); err != nil {
		t.Fatal(err)
	}
	c.reload()
	if got := serial(); got != 2 {
		t.Errorf("without its file %d is shown", got)
	}
}
