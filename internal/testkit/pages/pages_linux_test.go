package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesThatLie: each page says what is not so, and is found out; the line of what is wrong is named.
func TestPagesThatLie(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, want string }{
		"a command that fails":         {"```sh\ntrue\nfalse\ntrue\n```\n", "page.md:1: it ends with exit code 1"},
		"a command that is not there":  {"```sh\nno-such-program --help\n```\n", "no-such-program"},
		"output that is other":         {"```console\n$ echo a\na\n$ echo b\nc\n```\n", "page.md:4: echo b: the page shows"},
		"a line too few":               {"```console\n$ printf 'a\\nb\\n'\na\n```\n", "and it prints\n\ta\n\tb"},
		"a failure that is none":       {"```console\n$ echo 'error: no'; true\nerror: no\n```\n", "exit code 0, and the page shows no such end"},
		"another exit code":            {"<!-- test: exit: 5 -->\n```console\n$ exit 6\n```\n", "exit code 6, want 5"},
		"another end of a script":      {"<!-- test: exit: 5 -->\n```sh\ntrue\n```\n", "exit code 0, want 5"},
		"JSON that is none":            {"```json\n{\"a\":}\n```\n", "page.md:1: this is no json"},
		"YAML that is none":            {"```yaml\na: b: c\n```\n", "this is no yaml"},
		"an unknown language":          {"```bash\ntrue\n```\n", "nobody knows what to do"},
		"what comes before fails":      {"<!-- test: $ cat /nowhere -->\n```sh\ntrue\n```\n", "what comes before"},
		"a server that does not start": {"<!-- test: serve -->\n```sh\necho no >&2\n```\n", "it ends before it listens"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := play(t, c.page)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestPagesThatAreTrue: what the blocks of a page leave, the next ones have.
func TestPagesThatAreTrue(t *testing.T) {
	t.Parallel()
	err := play(t, `
<!-- test:
$ mkdir -p /srv/app && cd /srv/app
$ export GREETING=hello
-->
`+"```sh\necho $GREETING >file\n```\n\n* in a list:\n\n  ```console\n  $ cat /srv/app/file\n  hello\n"+
		"  $ pwd; echo 2026-11-29T01:02:03.5Z \\\n    twice\n  /srv/app\n  2026-01-01T00:00:00Z tw…\n  $ seq 5\n  1\n  …\n  5\n  ```\n"+
		"```console\n$ echo \"error: no\"; exit 7\nerror: no\n```\n"+
		"<!-- test:\ntype: ana\ntype: a secret\n-->\n```sh\nprintf 'Name: '; read name; stty -echo; printf 'Password: '; read word; stty echo\n"+
		"test \"$name $word\" = \"ana a secret\"\n```\n"+
		"<!-- test: skip: nobody has that -->\n```sh\nno-such-program\n```\n<!-- test: needs: no-such-program -->\n```sh\nno-such-program\n```\n"+
		"```json\n{\"a\":{…},\"b\":[1, …]}\n```\n```\nanything\n```\n")
	if err != nil {
		t.Error(err)
	}
}

// TestBlocks is about pages that cannot be read.
func TestBlocks(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"```sh\nnever closed\n",
		"<!-- test: skip: why\n",
		"<!-- test: skip: why -->\nno block\n",
		"<!-- test: skip: why -->\n",
		"<!-- test: skip: -->\n```sh\n```\n",
		"<!-- test: what: ever -->\n```sh\n```\n",
		"<!-- test: exit: five -->\n```sh\n```\n",
	} {
		if blocks, err := Blocks("page.md", page); err == nil {
			t.Errorf("%q gives %v, want an error", page, blocks)
		}
	}
}

// play runs a page from top to bottom, and gives its first error.
func play(t *testing.T, page string) error {
	t.Helper()
	blocks, err := Blocks("page.md", page)
	if err != nil {
		return err
	}
	root := t.TempDir()
	shell := NewShell(root, root, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(root, "home")}, nil)
	defer shell.Close()
	for _, b := range blocks {
		if _, err := shell.Play(t.Context(), b); err != nil {
			return err
		}
	}
	return nil
}
