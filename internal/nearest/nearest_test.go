package nearest

import (
	"slices"
	"testing"
)

func TestTheWordThatWasMeant(t *testing.T) {
	t.Parallel()
	flags := []string{"remote", "retries", "retry-time", "json", "jq", "dry-run", "project", "quiet", "concurrency"}
	for _, test := range []struct {
		written string
		want    []string
	}{
		{"remot", []string{"remote"}},
		{"reomte", []string{"remote"}},
		{"Remote", []string{"remote"}},
		{"retry", []string{"retry-time"}}, // begins so
		{"dryrun", []string{"dry-run"}},
		{"jsno", []string{"json"}},
		{"concurency", []string{"concurrency"}},
		{"frobnicate", nil},
		{"x", nil},
		{"", nil},
	} {
		if got := Of(test.written, flags); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.written, got, test.want)
		}
	}
	if got := Question("remto", flags); got != ": did you mean remote" {
		t.Error(got)
	}
	if got := Of("ab1", []string{"ab2", "ab3", "ab4", "ab5"}); len(got) != 3 {
		t.Errorf("too many: %q", got)
	}
}
