package panics

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	ended := make(chan any, 1)
	Handle(func(value any) {
		ended <- value
		select {} // as what ends the process does not return either
	})
	defer end.Store(nil)
	go func() {
		defer Guard()
		panic("the reason")
	}()
	if value := <-ended; value != "the reason" {
		t.Errorf("%v", value)
	}
	end.Store(nil)
	defer func() {
		if value := recover(); value != "another" {
			t.Errorf("where nobody handles panics: %v", value)
		}
	}()
	defer Guard()
	panic("another")
}

var begins = regexp.MustCompile(`(?m)^.*(?:\bgo func\(|\.Go\().*\n.*$`)

// Every goroutine of ours is guarded. Those of the server only run net/http, which
// hands each request to a handler that recovers.
func TestEveryGoroutineIsGuarded(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testkit" || entry.Name() == "server"):
			return fs.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range begins.FindAllString(string(text), -1) {
			if !strings.Contains(found, "defer panics.Guard()") && !strings.Contains(found, "p.group.Go(p.lines)") {
				t.Errorf("%s: begin this with `defer panics.Guard()`:\n%s", path, found)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
