package readers

import (
	"strings"
	"testing"
)

// The hashes are those that another implementation of SipHash-1-3 gives: CPython's, of
// bytes, with PYTHONHASHSEED=0, which is the key of zeros.
func TestHashIsSipHash(t *testing.T) {
	for text, want := range map[string]hash{
		"": noText, "a": 0x407448d2b89b1813, "ab": 0x555508cbc6add439, "0123456": 0x810aaf7acf670379,
		"01234567": 0xda3dcedf84ea6cc6, "012345678": 0xb79d8581f8552753, "0123456789abcdef0123456789abcde": 0x25665a7c52079439,
	} {
		if got := (Key{}).hash([]byte(text)); got != want {
			t.Errorf("the hash of %q is %#x, want %#x", text, got, want)
		}
	}
	if (Key{1}).hash([]byte("a")) == (Key{}).hash([]byte("a")) || (Key{15: 1}).hash([]byte("a")) == (Key{}).hash([]byte("a")) {
		t.Error("the key does not count")
	}
}

func BenchmarkHash(b *testing.B) {
	text := []byte(strings.Repeat("a memory ", 110))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		(Key{1}).hash(text)
	}
}
