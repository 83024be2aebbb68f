package sharing

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

func init() {
	onWine = func() bool {
		return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
	}
}

// hold opens a file as a program does that wants it for itself.
func hold(t *testing.T, path string) syscall.Handle {
	t.Helper()
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

// works are the calls, each on a file that is there beside one named next.
var works = map[string]func(path string) error{
	"open": func(path string) error {
		f, err := Open(path)
		if err == nil {
			err = f.Close()
		}
		return err
	},
	"open to write": func(path string) error {
		f, err := OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			err = f.Close()
		}
		return err
	},
	"read":       func(path string) error { _, err := ReadFile(path); return err },
	"replace":    func(path string) error { return Rename(filepath.Join(filepath.Dir(path), "next"), path) },
	"rename":     func(path string) error { return Rename(path, path+".old") },
	"remove":     Remove,
	"remove all": RemoveAll,
}

func held(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	for _, name := range []string{path, filepath.Join(filepath.Dir(path), "next")} {
		if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestAFileInUseIsWaitedFor(t *testing.T) {
	for name, work := range works {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := held(t)
			handle, closed := hold(t, path), make(chan error)
			time.AfterFunc(200*time.Millisecond, func() { closed <- syscall.CloseHandle(handle) })
			if err := work(path); err != nil {
				t.Error(err)
			}
			if err := <-closed; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAFileThatStaysInUseIsNamed(t *testing.T) {
	for name, work := range works {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := held(t)
			handle := hold(t, path)
			var inUse *InUseError
			if err := work(path); !errors.As(err, &inUse) {
				t.Errorf("%v", err)
			}
			if err := syscall.CloseHandle(handle); err != nil {
				t.Error(err)
			}
		})
	}
}

// What lasts is told at once.
func TestADirectoryIsInNobodysUse(t *testing.T) {
	path := held(t)
	began := time.Now()
	var inUse *InUseError
	if err := Rename(path, filepath.Dir(path)); err == nil || errors.As(err, &inUse) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took >= Patience {
		t.Errorf("it took %s", took)
	}
}
