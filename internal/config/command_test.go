package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
)

func TestTokenCommandGoesWithItsRemote(t *testing.T) {
	const user = `
remotes:
  work:
    url: https://engram.example.com
    token_command:
      - pass
      - show
      - "engram; rm -rf / $HOME"
  home: {url: "http://127.0.0.1:8765"}
`
	pass := []string{"pass", "show", "engram; rm -rf / $HOME"}
	tests := []struct {
		name string
		world
		want []string
	}{
		{"its own", world{flags: []string{"--remote", "work"}}, pass},
		{"none of another's", world{flags: []string{"--remote", "home"}}, nil},
		{"none for a URL, even the same", world{flags: []string{"--remote", "https://engram.example.com"}}, nil},
		{"chosen by the repository", world{repo: "remote: work"}, pass},
		{"none for engram's variable", world{env: []string{"ENGRAM_CLOUD_SERVER=https://engram.example.com"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.user = user
			cfg := tt.mustLoad(t)
			if diff := cmp.Diff(tt.want, cfg.Remote.TokenCommand); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
			got, err := config.Get(cfg, "remotes.work.token_command")
			if want := `["pass","show","engram; rm -rf / $HOME"]`; err != nil || got.Value != want {
				t.Errorf("Get gives %q, %v; want %q", got.Value, err, want)
			}
			_, err = config.Get(cfg, "remotes.home.token_command")
			wantError(t, err, "remotes.home.token_command: is not set")
		})
	}
}

// A repository must not be able to bring the program along.
func TestProgramOfATokenCommandIsBesideTheConfigFile(t *testing.T) {
	tests := []struct{ program, want string }{
		{"./token", "token"},
		{"bin/token", filepath.Join("bin", "token")},
		{"../token", filepath.Join("..", "token")},
	}
	for _, tt := range tests {
		in := world{user: "remotes: {a: {url: http://a, token_command: [" + tt.program + ", ./arg]}}"}.inputs(t)
		cfg, err := config.Load(in)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{filepath.Join(filepath.Dir(in.DefaultFile), tt.want), "./arg"}
		if diff := cmp.Diff(want, cfg.Remotes["a"].TokenCommand); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.program, diff)
		}
	}
}

// Also where the config file was named by a relative path.
func TestProgramBesideAConfigFileOfTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "mine.yaml", "remotes: {a: {url: http://a, token_command: [./token]}}")
	cfg, err := config.Load(config.Inputs{Flags: parse(t, "--config", "mine.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{absolute(t, "token")}, cfg.Remotes["a"].TokenCommand); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
}

func TestBadTokenCommands(t *testing.T) {
	many := strings.Repeat(",x", 32)
	tests := []struct {
		name, yaml string
		// text is the same for Set, "" where JSON cannot say it.
		text, want string
	}{
		{"for a shell", `pass show engram`, `pass show engram`, "list"},
		{"a list in a string", `'["pass"]'`, `"[\"pass\"]"`, "list"},
		{"a mapping", `{pass: show}`, `{"pass":"show"}`, "list"},
		{"null", ``, `null`, ""},
		{"no elements", `[]`, `[]`, "has 0 elements; it needs a program"},
		{"too many", `[x` + many + `]`, `["x"` + strings.ReplaceAll(many, "x", `"x"`) + `]`, "has 33 elements; it needs a program, and takes up to 32"},
		{"no program", `["", x]`, `["","x"]`, "element 1 is empty"},
		{"empty argument", `[x, ""]`, `["x",""]`, "element 2 is empty"},
		{"a NUL", `[x, "a\0b"]`, `["x","a\u0000b"]`, "element 2 holds control characters"},
		{"two lines", `[x, "a\nb"]`, `["x","a\nb"]`, "element 2 holds control characters"},
		{"long", `[` + strings.Repeat("x", 4097) + `]`, `["` + strings.Repeat("x", 4097) + `"]`, "element 1 is longer than 4096 bytes"},
		{"a number", `[x, 1]`, `["x",1]`, ""},
		{"a null inside", `[x, ~]`, `["x",null]`, "element 2"},
		{"a list inside", `[[x]]`, `[["x"]]`, ""},
		{"an alias", `[&a x, *a]`, ``, "element 2 must be text"},
		{"home of the user", `[~/bin/token]`, `["~/bin/token"]`, "element 1 begins with ~"},
		{"something after it", `[x] [y]`, `["x"] ["y"]`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := world{user: "remotes:\n  a:\n    url: http://a\n    token_command: " + tt.yaml + "\n"}.load(t)
			wantError(t, err, "config.yaml: ", tt.want)
			if tt.text == "" {
				return
			}
			path := filepath.Join(t.TempDir(), "config.yaml")
			write(t, path, "remotes: {a: {url: http://a}}\n")
			if tt.want == "list" {
				tt.want = `'["pass","show","engram"]'`
			}
			wantError(t, config.Set(path, "remotes.a.token_command", tt.text), "remotes.a.token_command: ", tt.want)
		})
	}
}

func TestTokenCommandAsAStringShowsTheList(t *testing.T) {
	_, err := world{user: "remotes: {a: {url: http://a, token_command: pass show engram}}"}.load(t)
	wantError(t, err, "remotes.a.token_command: must be a list", "token_command: [pass, show, engram]")
}
