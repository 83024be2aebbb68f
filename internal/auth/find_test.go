package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/auth"
)

func TestWhichVariableCounts(t *testing.T) {
	all := map[string]string{"ENGRAM_SYNC_TOKEN": "ours", "ENGRAM_CLOUD_TOKEN": "cloud", "ENGRAM_TOKEN": "legacy"}
	for _, tc := range []struct {
		name         string
		set          []string
		engramRemote bool
		token, from  string
	}{
		{"ours wins", []string{"ENGRAM_SYNC_TOKEN", "ENGRAM_CLOUD_TOKEN", "ENGRAM_TOKEN"}, true, "ours", "ENGRAM_SYNC_TOKEN"},
		{"engram's for engram's server", []string{"ENGRAM_CLOUD_TOKEN", "ENGRAM_TOKEN"}, true, "cloud", "ENGRAM_CLOUD_TOKEN"},
		{"the older name", []string{"ENGRAM_TOKEN"}, true, "legacy", "ENGRAM_TOKEN"},
		{"engram's never for another server", []string{"ENGRAM_CLOUD_TOKEN", "ENGRAM_TOKEN"}, false, "", ""},
		{"none", nil, true, "", ""},
	} {
		environ := []string{"ENGRAM_SYNC_TOKENS=other", "PATH=/bin"}
		for _, name := range tc.set {
			environ = append(environ, name+"=\t"+all[name]+"\n")
		}
		source, err := auth.Finder{Environ: environ, EngramRemote: tc.engramRemote, BaseURL: "https://x"}.Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		token, err := source.Token(t.Context())
		if err != nil || token != tc.token || source.From() != tc.from {
			t.Errorf("%s: got %q from %q, %v", tc.name, token, source.From(), err)
		}
	}
}

func TestATokenIsNeverPrinted(t *testing.T) {
	source := auth.Fixed("s3cret-token", "a test")
	credentials := auth.Credentials{Access: "s3cret-token", Refresh: "s3cret-token"}
	for _, verb := range []string{"%v", "%+v", "%s", "%q"} {
		if text := fmt.Sprintf(verb+verb, source, credentials); strings.Contains(text, "s3cret") {
			t.Errorf("%s prints the token: %s", verb, text)
		}
	}
}
