package auth_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/auth"
)

func TestACredentialFileIsForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "engram-sync")
	file := auth.NewFile(dir)
	key := auth.Key{BaseURL: server, Account: "ana"}
	if _, err := file.Get(t.Context(), key); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("without a file: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking made the directory: %v", err)
	}
	put(t, file, key, auth.Credentials{Access: "a", Refresh: "r"})
	if runtime.GOOS == "windows" {
		t.Skip("there, the user's profile is what keeps others out")
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %#o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o644} {
		if err := os.Chmod(file.Path(), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Get(t.Context(), key); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
	put(t, file, key, auth.Credentials{Access: "b"}) // a login writes it anew
	wantStored(t, file, key, auth.Credentials{Access: "b"})
}

// What is damaged is named, and not quoted.
func TestADamagedFileIsNotQuoted(t *testing.T) {
	for name, content := range map[string]string{
		"cut":           `{"accounts":[{"base_url":"https://engram.example.com","account":"ana","access_token":"hunter2`,
		"two documents": `{"accounts":[]}{"x":"hunter2"}`,
		"wrong type":    `{"accounts":["hunter2"]}`,
		"wrong number":  `{"accounts":[{"account":42,"base_url":"hunter2"}]}`,
		"empty":         ``,
	} {
		dir := t.TempDir()
		for _, file := range []string{"credentials.json", "accounts.json"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		file, logins := auth.NewFile(dir), auth.NewLogins(dir, auth.NewFile(dir))
		key := auth.Key{BaseURL: server, Account: "ana"}
		for op, err := range map[string]error{
			"get":    second(file.Get(t.Context(), key)),
			"set":    file.Set(t.Context(), key, auth.Credentials{Access: "hunter2"}),
			"delete": file.Delete(t.Context(), key),
			"find":   second(logins.Current(t.Context(), server)),
			"login":  logins.Add(t.Context(), auth.Account{BaseURL: server, Name: "ana", Store: auth.StoreFile}, auth.Credentials{Access: "hunter2"}),
			"logout": second(logins.Remove(t.Context(), server)),
		} {
			if err == nil || errors.Is(err, auth.ErrNotFound) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "is not what engram-sync wrote") {
				t.Errorf("%s, %s: %v", name, op, err)
			}
		}
		if left, err := os.ReadFile(filepath.Join(dir, "credentials.json")); err != nil || string(left) != content {
			t.Errorf("%s: the file was changed: %q, %v", name, left, err)
		}
	}
}

// Several at once, each with a store of its own as several processes have.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	const writers = 20
	dir := t.TempDir()
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			name := fmt.Sprint("user", i)
			logins := auth.NewLogins(dir, auth.NewFile(dir))
			account := auth.Account{BaseURL: fmt.Sprint(server, "/", i), Name: name, Store: auth.StoreFile}
			if err := logins.Add(t.Context(), account, auth.Credentials{Access: name, Refresh: name}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range writers {
		name := fmt.Sprint("user", i)
		wantTokens(t, auth.NewLogins(dir, auth.NewFile(dir)), fmt.Sprint(server, "/", i), auth.Credentials{Access: name, Refresh: name})
	}
}
