package limits

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// What a client writes itself is never believed: nginx and HAProxy add to what is there.
func TestWhereARequestComesFrom(t *testing.T) {
	ours := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.9:1000", []string{"198.51.100.1"}, "192.0.2.9"}, // no proxy of ours
		{"10.0.0.1:1000", nil, "10.0.0.1"},
		{"10.0.0.1:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"203.0.113.5, 198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"203.0.113.5", "198.51.100.1"}, "198.51.100.1"}, // in two lines
		{"10.0.0.1:1000", []string{"198.51.100.1, 10.7.7.7"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"203.0.113.5, 198.51.100.1 , 10.7.7.7"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"10.2.2.2, 10.7.7.7"}, "10.2.2.2"},
		{"10.0.0.1:1000", []string{"203.0.113.5, nonsense, 10.7.7.7"}, "10.7.7.7"},
		{"10.0.0.1:1000", []string{""}, "10.0.0.1"},
		{"[fd00::1%eth0]:1000", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		{"[::ffff:10.0.0.1]:1000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"198.51.100.1:5555"}, "198.51.100.1"},
		{"pipe", []string{"198.51.100.1"}, "pipe"},
	} {
		if got := ours.Address(test.peer, test.forwarded); got != test.want {
			t.Errorf("%s, %q: %s, want %s", test.peer, test.forwarded, got, test.want)
		}
	}
	for address, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "pipe": "pipe"} {
		if got := Client(address); got != want {
			t.Errorf("%s is the client %s, want %s", address, got, want)
		}
	}
}

// However many clients somebody makes up, a newcomer has all its attempts.
func TestANewcomerIsNeverKeptOut(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	w := NewWindows(func() time.Time { return now })
	tries := func(client string, want bool) {
		t.Helper()
		if wait := w.Attempt("login", client, 2); wait == 0 != want || wait > Window {
			t.Errorf("%s has to wait for %s", client, wait)
		}
	}
	for i := range maxWindows + 10 {
		for range 3 {
			w.Attempt("login", fmt.Sprint(i), 2)
		}
	}
	tries("newcomer", true)
	tries("newcomer", true)
	tries("newcomer", false)
	tries(fmt.Sprint(maxWindows), false) // one of the latest
	if len(w.byKey) != maxWindows || w.order.Len() != maxWindows {
		t.Errorf("%d windows are kept in %d places", len(w.byKey), w.order.Len())
	}
	now = now.Add(Window)
	tries("newcomer", true)
	if len(w.byKey) != 1 {
		t.Errorf("%d windows that are over are kept", len(w.byKey)-1)
	}
}
