// Package contrib holds what ships beside the program to its word: it has nothing but tests.
package contrib

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemdTakesTheUnits lets systemd read every unit, each template with an instance.
func TestSystemdTakesTheUnits(t *testing.T) {
	for _, manager := range []string{"system", "user"} {
		t.Run(manager, func(t *testing.T) {
			units := instances(t, manager)
			if out, err := analyze(t, append([]string{"--" + manager, "--man=no", "--recursive-errors=no", "verify"}, units...)...); err != nil || out != "" {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestUnitsAreHardened holds the services of the system to what systemd itself thinks of them: 10 is no
// protection at all.
func TestUnitsAreHardened(t *testing.T) {
	for _, unit := range instances(t, "system") {
		if filepath.Ext(unit) != ".service" {
			continue
		}
		if out, err := analyze(t, "security", "--offline=true", "--threshold=15", "--no-pager", unit); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(unit), err, out)
		}
	}
}

// analyze runs systemd-analyze. The gate brings it; elsewhere it may be missing.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil && os.Getenv("ENGRAM_SYNC_TEST_SYSTEMD") == "" {
		t.Skip("there is no systemd-analyze here")
	} else if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	dir := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// instances copies the units of a manager to where systemd may look for them: with an instance of each
// template, and a program that is there.
func instances(t *testing.T, manager string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for _, source := range files(t, "systemd", manager, "*") {
		text := strings.ReplaceAll(read(t, source), "ExecStart=engram-sync ", "ExecStart="+executable(t)+" ")
		name := filepath.Base(source)
		write(t, filepath.Join(dir, name), text)
		if strings.Contains(name, "@.") {
			name = strings.Replace(name, "@.", "@home-ana-code.", 1)
			write(t, filepath.Join(dir, name), text)
		}
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestXML reads what launchd and the Task Scheduler get: they refuse a file with one bad byte, and the
// latter one that names an encoding which it is not read in.
func TestXML(t *testing.T) {
	for _, path := range append(files(t, "launchd", "*"), files(t, "windows", "*")...) {
		text := read(t, path)
		for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", path, err)
				break
			}
		}
		if filepath.Dir(path) == "windows" && !strings.HasPrefix(text, `<?xml version="1.0"?>`) {
			t.Errorf("%s names an encoding: schtasks refuses any but that in which it happens to read", path)
		}
	}
}

func files(t *testing.T, pattern ...string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s (%v)", filepath.Join(pattern...), err)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
