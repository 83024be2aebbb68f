package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/auth"
)

// headless makes a run of this test the process of a machine without a desktop,
// which asks the keyring and passes if that says at once that there is none.
const headless = "ENGRAM_SYNC_TEST_HEADLESS"

// headlessRuns is how often it is tried: what hangs or is left behind is often a race.
const headlessRuns = 100

// The library would start dbus-launch where there is no bus, wait for minutes,
// and leave a process behind.
func TestAMachineWithoutABus(t *testing.T) {
	if os.Getenv(headless) != "" {
		began := time.Now()
		_, err := auth.NewKeyring(os.Getenv, auth.KeyringWait).Get(t.Context(), auth.Key{BaseURL: server, Account: "ana"})
		if took := time.Since(began); !errors.Is(err, auth.ErrNoKeyring) || took > time.Second {
			t.Errorf("%v after %s", err, took)
		}
		return
	}
	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil {
		t.Skip("this user has a session bus, which would be found")
	}
	dir := t.TempDir()
	marker := filepath.Join(dir, "launched")
	script := "#!/bin/sh\n: > '" + marker + "'\nsleep 20 &\necho DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for run := range headlessRuns {
		environ := []string{headless + "=1", "GORACE=atexit_sleep_ms=0", "PATH=" + dir + ":" + os.Getenv("PATH")}
		switch run % 4 {
		case 1:
			environ = append(environ, "DBUS_SESSION_BUS_ADDRESS=")
		case 2:
			environ = append(environ, "DBUS_SESSION_BUS_ADDRESS=autolaunch:", "DISPLAY=:0")
		case 3:
			environ = append(environ, "DBUS_SESSION_BUS_ADDRESS=autolaunch:scope=x", "XDG_RUNTIME_DIR="+dir)
		}
		runHeadless(t, environ)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("dbus-launch was run")
	}
}

// runHeadless runs the process once. Its output ends only when the last process
// that it started has ended too, so nothing can be left behind unseen.
func runHeadless(t *testing.T, environ []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAMachineWithoutABus$")
	cmd.Env = environ
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil || !strings.HasPrefix(out.String(), "PASS") {
		t.Fatalf("%q: %v: %s", environ, err, out.String())
	}
}

// Where the bus is: what the variable says, then the socket in the user's
// runtime directory. The answer tells which one was dialled.
func TestWhichBusIsAsked(t *testing.T) {
	runtime := t.TempDir()
	// Not a bus: it hangs up on whoever comes.
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(runtime, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	called := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			called <- struct{}{}
			_ = conn.Close()
		}
	}()
	noSocket := t.TempDir()
	if err := os.WriteFile(filepath.Join(noSocket, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		environ map[string]string
		dialled bool
		text    string
	}{
		"the variable":             {map[string]string{"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + runtime + "/bus"}, true, ""},
		"a bus that is gone":       {map[string]string{"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus", "XDG_RUNTIME_DIR": runtime}, false, "/nowhere/bus"},
		"the runtime directory":    {map[string]string{"XDG_RUNTIME_DIR": runtime}, true, ""},
		"autolaunch":               {map[string]string{"DBUS_SESSION_BUS_ADDRESS": "autolaunch:", "XDG_RUNTIME_DIR": runtime}, true, ""},
		"a file that is no socket": {map[string]string{"XDG_RUNTIME_DIR": noSocket}, false, "no D-Bus session"},
		"a relative directory":     {map[string]string{"XDG_RUNTIME_DIR": "."}, false, "no D-Bus session"},
	} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil && tc.text == "no D-Bus session" {
			continue // it is found instead
		}
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "") // the library reads the real one
		k := auth.NewKeyring(func(name string) string { return tc.environ[name] }, 10*time.Second)
		_, err := k.Get(t.Context(), auth.Key{BaseURL: server, Account: "ana"})
		if !errors.Is(err, auth.ErrNoKeyring) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-called:
			if !tc.dialled {
				t.Errorf("%s: the other bus was asked", name)
			}
		default:
			if tc.dialled {
				t.Errorf("%s: the bus was not asked: %v", name, err)
			}
		}
	}
}
