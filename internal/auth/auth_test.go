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
		lookup := func(name string) string {
			for _, set := range tc.set {
				if set == name {
					return "\t" + all[name] + "\n"
				}
			}
			return ""
		}
		source := auth.FromEnv(lookup, tc.engramRemote)
		token, err := source.Token(t.Context())
		if err != nil || token != tc.token || source.From() != tc.from {
			t.Errorf("%s: got %q from %q, %v", tc.name, token, source.From(), err)
		}
	}
}

func TestATokenIsNeverPrinted(t *testing.T) {
	source := auth.Fixed("s3cret-token", "a test")
	for _, verb := range []string{"%v", "%+v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, source); strings.Contains(text, "s3cret") {
			t.Errorf("%s prints the token: %s", verb, text)
		}
	}
}
