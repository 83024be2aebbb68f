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
		c := choice{pattern, Merge}
		got, replaced := attributes(before).install(c)
		if string(got) != installed {
			t.Errorf("%q becomes %q, want %q", before, got, installed)
		}
		if again, more := got.install(c); again != got || len(more) > 0 {
			t.Errorf("%q: a second time it becomes %q", before, again)
		}
		if back := got.uninstall(c, replaced); string(back) != before {
			t.Errorf("%q comes back as %q", before, back)
		}
	}
}

// The two drivers share lines with others and with each other, and leave as they came.
func TestTwoDriversInOneFile(t *testing.T) {
	merged, shown := choice{attributePattern("a b/manifest.json", ""), Merge}, choice{attributePattern("a b/[c]", "*.gz"), Diff}
	if want := `"a b/\\[c]/*.gz" diff=engram-sync`; shown.line() != want {
		t.Errorf("%s, want %s", shown.line(), want)
	}
	for _, before := range []attributes{
		"", "* text\n", attributes(shown.pattern + " -diff merge=union\r\n" + merged.pattern + " -merge -diff\r\n"),
		attributes(shown.pattern + " diff\n*.gz !diff\n"),
	} {
		got, replaced := before.install(merged)
		got, more := got.install(shown)
		if got.uninstall(shown, append(replaced, more...)).uninstall(merged, append(replaced, more...)) != before {
			t.Errorf("%q comes back otherwise from %q", before, got)
		}
		if again, _ := got.install(shown); again != got || !got.usesOurDriver() {
			t.Errorf("%q: a second time it becomes %q", before, again)
		}
	}
}
