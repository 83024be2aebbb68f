package git

import "testing"

// Of two drivers on a line git takes the last; what install has changed comes back as it was.
func TestTheDriverOfALine(t *testing.T) {
	const pattern = ".engram/manifest.json"
	for before, installed := range map[string]string{
		"":                               pattern + " merge=engram-sync\n",
		pattern + " merge=union -diff\n": pattern + " merge=engram-sync -diff\n",
		pattern + " merge=engram-sync merge=union\n":                                          pattern + " merge=engram-sync merge=engram-sync\n",
		pattern + " merge=union -merge\n":                                                     pattern + " merge=union merge=engram-sync\n",
		pattern + " merge=union\n" + pattern + " merge=binary\n" + pattern + " merge=union\n": pattern + " merge=engram-sync\n" + pattern + " merge=engram-sync\n" + pattern + " merge=engram-sync\n",
	} {
		got, replaced := attributes(before).install(pattern)
		if string(got) != installed {
			t.Errorf("%q becomes %q, want %q", before, got, installed)
		}
		if again, more := got.install(pattern); again != got || len(more) > 0 {
			t.Errorf("%q: a second time it becomes %q", before, again)
		}
		if back := got.uninstall(pattern, replaced); string(back) != before {
			t.Errorf("%q comes back as %q", before, back)
		}
	}
}
