package command

import (
	"runtime/debug"
	"strings"
	"testing"
)

// Each way of building names its version: a release by the linker, the others by what Go recorded.
func TestVersionOf(t *testing.T) {
	for _, tc := range []struct {
		name, linked, recorded, want string
	}{
		{"a release", "1.2.3", "v1.2.3", "1.2.3"},
		{"a package of somebody else", "v1.2.3", "(devel)", "1.2.3"},
		{"go install of a release", "", "v1.2.3", "1.2.3"},
		{"go build in a clone", "", "v1.2.4-0.20261129004156-88e2fe3abcde+dirty", "1.2.4-0.20261129004156-88e2fe3abcde+dirty"},
		{"go build of a copied tree", "", "(devel)", "dev"},
		{"a test", "", "", "dev"},
	} {
		if got := versionOf(tc.linked, &debug.BuildInfo{Main: debug.Module{Version: tc.recorded}}); got != tc.want {
			t.Errorf("%s: version %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := versionOf("", nil); got != "dev" {
		t.Errorf("without build information: version %q, want dev", got)
	}
}

func TestCommit(t *testing.T) {
	revision, date := commitOf(&debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs", Value: "git"},
		{Key: "vcs.revision", Value: "88e2fe3abcdef0123456789abcdef0123456789a"},
		{Key: "vcs.time", Value: "2026-11-29T00:41:56Z"},
	}})
	line := versionLine("1.2.3", revision, date)
	if want := "engram-sync 1.2.3 (88e2fe3abcde of 2026-11-29, go"; !strings.HasPrefix(line, want) {
		t.Errorf("the version line is %q, want it to begin with %q", line, want)
	}
	line = versionLine("1.2.3", "", "")
	if want := "engram-sync 1.2.3 (go"; !strings.HasPrefix(line, want) {
		t.Errorf("without a commit the version line is %q, want it to begin with %q", line, want)
	}
}
