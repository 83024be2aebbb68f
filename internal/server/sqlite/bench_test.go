package sqlite

import "testing"

// What every request costs before anything else: to see who asks.
func BenchmarkUserByID(b *testing.B) {
	s := openTest(b)
	u, err := s.LocalUser(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.UserByID(b.Context(), u.ID); err != nil {
			b.Fatal(err)
		}
	}
}
