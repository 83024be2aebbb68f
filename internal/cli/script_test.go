package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

func TestMain(m *testing.M) {
	testscript.Main(pgtest.Main{M: m}, map[string]func(){"engram-sync": func() { os.Exit(runForTests()) }, "hammer": hammerMain, "panicky": panickyMain, "crash": func() { os.Exit(crashMain()) }})
}

// panickyMain is the program, with a goroutine that panics at its end.
func panickyMain() {
	runForTests()
	go func() {
		defer panics.Guard()
		panic("it was " + os.Args[1])
	}()
	select {}
}

// runForTests is what main does.
func runForTests() int {
	ctx, stop := terminal.WithSignals(context.Background())
	defer stop()
	defer keepDocument()()
	return Run(ctx, "dev", os.Exit)
}

// TestScripts runs the stories in testdata/script, each in a directory of its
// own that is also its HOME. Besides testscript's own commands they have:
//
//	exit CODE PROGRAM ARG...  run a program, which must end with this exit code
//	projectserver NAME [BYTES [RELEASE]]
//	                          start a project server for the projects repo and other, which takes
//	                          pushes of at most BYTES ("-": the usual), and answers like this release of
//	                          engram; sets NAME_URL and NAME_TOKEN
//	upgrade NAME RELEASE      start it again as another release
//	pause NAME PROJECT on|off pause a project there
//	journalrow NAME PROJECT ENTITY KEY
//	                          let somebody else push an upsert there
//	fixture VERSION DIR       copy the chunk directory that this engram wrote to DIR/.engram
//	norowtwice NAME PROJECT N the server has N memories of the project, and no row twice
//	case NAME DIR             copy what was seen in the field to DIR
//	database VERSION FILE     copy the database that this engram wrote
//	server NAME [DIR|URL]     start an account server, on a place of its own or this one; sets NAME_URL,
//	                          NAME_TOKEN (of a new account) and NAME_PLACE, as serve migrate takes it
//	oldclient NAME DIR        push the chunks of DIR/.engram as engram 1.9.4 does: re-encoded, with fewer members
//	answer NAME METHOD PATH STATUS TYPE BODY [all]
//	                          from now on the server answers this itself (BODY may be a file, in which
//	                          $VARs are replaced), with "all" to messages with nothing in them too;
//	                          "answer NAME off" ends it
//	header NAME KEY VALUE     adds a header to those answers
//	cut NAME METHOD PATH WHEN N
//	                          the next N such requests lose their connection, before or after the server saw them
//	requests NAME N [METHOD PATH]
//	                          the server was asked N times since the last "requests" without a path
//	deadport VAR              sets VAR to the URL of a port that nobody listens on
//	chunkfile DIR JSON-FILE VAR  store the content as a chunk file, whose id it sets VAR to; entry: see manifestfor
//	bigchunk DIR VAR BYTES... the same for a chunk with a memory of each of these sizes
//	truncate FILE BYTES       cut a file off
//	manifestfor DIR ID...     write a manifest with an entry for each id
//	mutate NAME N             add N mutations to the account's journal, or those of the push in a JSON file
//	sql DIR STATEMENTS        change the engram.db in DIR
//	holdlock DIR              hold the lock on a chunk directory; "holdlock off" ends it
//	jsonok FILE               FILE (or stdout, stderr) is exactly one JSON document, on one line
//	jsonhas FILE PATH VALUE   a member of it has this value; PATH is like failed.0.code, or failed.length
//	jsonget FILE PATH VAR     sets VAR to the value of a member
//	verdict CHECK VERDICT     doctor --json has said this of a check
//	mend CHECK                run the command that its hint names
//	follow stdout|stderr      run the first command of engram-sync that a message there names
//	browsed DIR               browse --json has printed browsed.json of a chunk directory
//	jsonshape FILE GOLDEN     its members and their types are those of the golden file
//
// and those of withSignInCommands.
func TestScripts(t *testing.T) {
	collectDocuments(t)
	testscript.Run(t, scriptParams(filepath.Join("testdata", "script")))
}

// scriptParams are what all stories run with.
func scriptParams(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setupStory,
		Condition:           conditions("account"),
		Cmds: withSignInCommands(map[string]func(*testscript.TestScript, bool, []string){
			"exit":        cmdExit,
			"fixture":     cmdFixture,
			"case":        cmdCase,
			"norowtwice":  cmdNoRowTwice,
			"server":      cmdServer,
			"oldclient":   cmdOldClient,
			"answer":      cmdAnswer,
			"header":      cmdHeader,
			"cut":         cmdCut,
			"requests":    cmdRequests,
			"deadport":    cmdDeadPort,
			"chunkfile":   cmdChunkFile,
			"bigchunk":    cmdBigChunk,
			"truncate":    cmdTruncate,
			"old":         cmdOld,
			"rot":         cmdRot,
			"manifestfor": cmdManifestFor,
			"database":    cmdDatabase,
			"sql":         cmdSQL,
			"holdlock":    cmdHoldLock,
			"mutate":      cmdMutate,
			"jsonok":      cmdJSONOK,
			"jsonhas":     cmdJSONHas,
			"jsonget":     cmdJSONGet,
			"jsonshape":   cmdJSONShape,
			"browsed":     cmdBrowsed,

			"projectserver": cmdProjectServer,
			"pause":         cmdPause,
			"upgrade":       cmdUpgrade,
			"journalrow":    cmdJournalRow,

			"mend":    cmdMend,
			"follow":  cmdFollow,
			"verdict": cmdVerdict,
		}),
	}
}

// setupStory gives a story a HOME of its own, and nothing of the environment
// that the tests run in.
func setupStory(env *testscript.Env) error {
	for key, value := range homeAt(filepath.Join(env.WorkDir, "home")) {
		env.Setenv(key, value)
	}
	if keyringStarted() {
		env.Setenv("DBUS_SESSION_BUS_ADDRESS", os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	}
	if documents != "" {
		env.Setenv(documentsVariable, documents)
	}
	env.Setenv("SPARE", filepath.Join(env.WorkDir, "spare")) // a place for a server
	env.Values["servers"] = map[string]*scriptServer{}
	env.Values["locks"] = map[string]func() error{}
	return os.MkdirAll(env.Getenv("HOME"), 0o700)
}

// conditions are [keyring], if a keyring was started for the tests, and the kind
// of server that the stories are told on, [account] or [project].
func conditions(kind string, release ...projectserver.Release) func(name string) (bool, error) {
	return func(name string) (bool, error) {
		switch name {
		case "keyring":
			return keyringStarted(), nil
		case "account", "project":
			return name == kind, nil
		case "1.x", "3.x":
			return (name == "3.x") == slices.Contains(release, projectserver.Release3), nil
		}
		return false, fmt.Errorf("unknown condition %q", name)
	}
}

func keyringStarted() bool { return os.Getenv("ENGRAM_SYNC_TEST_KEYRING") == "1" }

// A program built with the race detector sleeps for a second when it exits, so
// that late reports come out. The hundreds that the stories start need not.
const raceVariable, raceOptions = "GORACE", "atexit_sleep_ms=0"

// homeAt is the environment of a user whose home directory is dir.
func homeAt(dir string) map[string]string {
	return map[string]string{
		raceVariable:      raceOptions,
		"HOME":            dir,
		"XDG_CONFIG_HOME": filepath.Join(dir, ".config"),
		"XDG_CACHE_HOME":  filepath.Join(dir, ".cache"),
		"XDG_STATE_HOME":  filepath.Join(dir, ".local", "state"),
		"XDG_DATA_HOME":   filepath.Join(dir, ".local", "share"),
	}
}

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exited *exec.ExitError
	got := 0
	switch {
	case errors.As(err, &exited):
		got = exited.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("it ended with exit code %d (%s), want %d", got, problem.Kind(got), want)
	}
}
