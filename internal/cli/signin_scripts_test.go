package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// withSignInCommands adds what the stories about tokens need:
//
//	keep VAR FILE             set VAR to what FILE (or stdout, stderr) holds, without the newline
//	same TEXT TEXT            they are equal
//	credentials VAR           set VAR_ACCESS and VAR_REFRESH to the tokens in the only account of the credential file
//	age NAME ACCESS REFRESH   make the stored tokens of that server older by these durations; 0 leaves one as it is
//	ask STATUS METHOD URL TOKEN
//	                          ask a server as any other program would
//	envfile FROM TO           copy a file, with $VAR replaced; nobody else may read the copy
//	mode FILE PERM            FILE has these permissions (nothing is checked on Windows)
func withSignInCommands(commands map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){
		"keep":        cmdKeep,
		"same":        cmdSame,
		"credentials": cmdCredentials,
		"age":         cmdAge,
		"ask":         cmdAsk,
		"envfile":     cmdEnvFile,
		"mode":        cmdMode,
	})
	return commands
}

func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep VAR FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same TEXT TEXT")
	}
	if (args[0] == args[1]) == neg {
		ts.Fatalf("%q and %q (negated: %t)", args[0], args[1], neg)
	}
}

func credentialPath(stateHome string) string {
	return filepath.Join(stateHome, "engram-sync", "credentials.json")
}

// storedCredentials is what the credential file holds.
type storedCredentials struct {
	Accounts []map[string]string `json:"accounts"`
}

func readCredentials(path string) (storedCredentials, error) {
	var stored storedCredentials
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &stored)
	}
	return stored, err
}

func cmdCredentials(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: credentials VAR")
	}
	stored, err := readCredentials(credentialPath(ts.Getenv("XDG_STATE_HOME")))
	ts.Check(err)
	if len(stored.Accounts) != 1 {
		ts.Fatalf("there are %d accounts in the credential file, want one", len(stored.Accounts))
	}
	ts.Setenv(args[0]+"_ACCESS", stored.Accounts[0]["access_token"])
	ts.Setenv(args[0]+"_REFRESH", stored.Accounts[0]["refresh_token"])
}

func cmdAge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: age NAME ACCESS REFRESH")
	}
	key, err := os.ReadFile(filepath.Join(ts.Getenv("WORK"), args[0]+".data", "signing.key"))
	ts.Check(err)
	path := credentialPath(ts.Getenv("XDG_STATE_HOME"))
	stored, err := readCredentials(path)
	ts.Check(err)
	for i, member := range []string{"access_token", "refresh_token"} {
		older, err := time.ParseDuration(args[1+i])
		ts.Check(err)
		for _, account := range stored.Accounts {
			if older != 0 && account["base_url"] == ts.Getenv(args[0]+"_URL") {
				account[member], err = aged(account[member], key, older)
				ts.Check(err)
			}
		}
	}
	text, err := json.Marshal(stored)
	ts.Check(err)
	ts.Check(os.WriteFile(path, text, 0o600))
}

// aged is the token as the server would have issued it so much earlier.
func aged(token string, key []byte, older time.Duration) (string, error) {
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		return "", err
	}
	for _, name := range []string{"iat", "exp"} {
		seconds, ok := claims[name].(float64)
		if !ok {
			return "", fmt.Errorf("the token has no %s", name)
		}
		claims[name] = int64(seconds - older.Seconds())
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
}

func cmdAsk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: ask STATUS METHOD URL TOKEN")
	}
	req, err := http.NewRequest(args[1], args[2], nil) //nolint:noctx // a test
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+args[3])
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	body, err := io.ReadAll(resp.Body)
	ts.Check(errors.Join(err, resp.Body.Close()))
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("the answer is %s, want %s\n%s", resp.Status, args[0], body)
	}
}

func cmdEnvFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: envfile FROM TO")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE PERM")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	got := fmt.Sprintf("%#o", info.Mode().Perm())
	if os.PathSeparator == '/' && got != args[1] {
		ts.Fatalf("%s has the mode %s, want %s", args[0], got, args[1])
	}
}
