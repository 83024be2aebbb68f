package desk

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// A browser is opened where somebody sees it.
func TestOpener(t *testing.T) {
	for _, c := range []struct {
		system  string
		environ []string
		want    string
	}{
		{"linux", nil, ""}, {"linux", []string{"DISPLAY="}, ""}, {"linux", []string{"DISPLAY=:0"}, "xdg-open"}, {"linux", []string{"WAYLAND_DISPLAY=w"}, "xdg-open"},
		{"linux", []string{"DISPLAY=:0", "CI=true"}, ""}, {"darwin", nil, "open"}, {"darwin", []string{"SSH_CONNECTION=x"}, ""}, {"windows", []string{"GITHUB_ACTIONS=true"}, ""},
		{"windows", nil, "rundll32"},
	} {
		if got := append(slices.Clone(opener(c.system, c.environ)), ""); got[0] != c.want {
			t.Errorf("%s %v: %q", c.system, c.environ, got)
		}
	}
}

// A request of this process comes from its own user.
func TestSameUser(t *testing.T) {
	is := make(chan bool, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		is <- SameUser(r)
	}))
	defer srv.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Body.Close() // only its coming counts
	if !<-is {
		t.Error("it is taken for another user")
	}
}
