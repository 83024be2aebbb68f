package config_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
)

func TestBadValuesInTheUsersFile(t *testing.T) {
	tests := []struct {
		name, yaml, want string
	}{
		{"not a number", `concurrency: abc`, `concurrency: "abc" is not a whole number`},
		{"quoted number", `concurrency: "8"`, `concurrency: must be written without quotes`},
		{"fraction", `concurrency: 1.5`, `"1.5" is not a whole number`},
		{"hexadecimal", `concurrency: 0x10`, `"0x10" is not a whole number`},
		{"too small", `concurrency: 0`, `0 is not between 1 and 64`},
		{"too big", `concurrency: 65`, `65 is not between 1 and 64`},
		{"negative", `retries: -1`, `-1 is not between 0 and 100`},
		{"huge", `retries: 99999999999999999999`, `is not a whole number`},
		{"no unit", `timeout: 30`, `timeout: "30" has no unit; write 30s`},
		{"quoted, no unit", `timeout: "30"`, `timeout: "30" has no unit`},
		{"not a duration", `timeout: soon`, `"soon" is not a duration`},
		{"fraction without unit", `timeout: 1.5`, `timeout: "1.5" is not a duration`},
		{"no time at all", `timeout: 0s`, `"0s" is not between 1ms and 24h0m0s`},
		{"negative wait", `lock_wait: -1s`, `is not between 0s and 24h0m0s`},
		{"endless", `lock_wait: 25h`, `is not between`},
		{"not a size", `max_chunk_bytes: lots`, `"lots" is not a size`},
		{"size zero", `max_chunk_bytes: 0`, `"0" is not between 1 byte and 1TiB`},
		{"size too big", `max_chunk_bytes: 2TiB`, `is not between`},
		{"format", `log_format: xml`, `"xml" is none of auto, text, json, github`},
		{"yes is no boolean", `insecure_http: yes`, `"yes" is neither true nor false`},
		{"one is no boolean", `insecure_http: 1`, `insecure_http: has the wrong type`},
		{"quoted boolean", `insecure_http: "true"`, `without quotes`},
		{"store", `credential_store: hunter2`, `credential_store: is neither keyring nor file`},
		{"store in upper case", `credential_store: File`, `is neither keyring nor file`},
		{"home of the user", `ca_cert: ~/ca.pem`, `ca_cert: begins with ~, which is not expanded here; write it out, or use an absolute path`},
		{"home on Windows", `client_key: ~\key.pem`, `client_key: begins with ~`},
		{"just the home is null", `ca_cert: ~`, `ca_cert: has no value`},
		{"file of another type", `client_cert: 1`, `client_cert: must be text`},
		{"two files", `ca_cert: [a, b]`, `ca_cert: must be a single value`},
		{"a remote's home", "remotes: {a: {url: http://a, client_key: ~/k}}", "remotes.a.client_key: begins with ~"},
		{"a remote's file of another type", "remotes: {a: {url: http://a, ca_cert: true}}", "remotes.a.ca_cert: must be text"},
		{"a remote's store", "remotes: {a: {url: http://a, credential_store: file}}", "remotes.a.credential_store: secrets are never"},
		{"number as text", `project: 42`, `project: must be text; put it in quotes`},
		{"null", `project:`, `project: has no value`},
		{"blank", `project: " "`, `project: is empty`},
		{"two lines", `project: "a\nb"`, `project: holds control characters`},
		{"long", `project: ` + strings.Repeat("x", 4097), `project: is longer than`},
		{"list", `project: [a]`, `project: must be a single value`},
		{"unknown key", `shade: red`, `shade: unknown key; known are ca_cert, client_cert,`},
		{"wrong case", `Concurrency: 8`, `Concurrency: unknown key`},
		{"dashes", `lock-wait: 8s`, `lock-wait: unknown key`},
		{"dotted key", `remotes.work.url: https://example.com`, `remotes.work.url: unknown key`},
		{"twice", "retries: 1\nretries: 1", `retries: is there twice`},
		{"token", `token: abc`, `token: secrets are never kept in a config file`},
		{"access token", `Access-Token: abc`, `secrets are never`},
		{"API key", `api_key: abc`, `secrets are never`},
		{"password of a remote", "remotes: {a: {password: x}}", `remotes.a.password: secrets are never`},
		{"remotes is a word", `remotes: work`, "remotes: must be a list of"},
		{"remote is a word", `remotes: {work: x}`, "remotes.work: must be a list of"},
		{"remote is empty", `remotes: {work: }`, "remotes.work: has no url; set remotes.work.url first"},
		{"remote without url", `remotes: {work: {project: p}}`, "remotes.work: has no url"},
		{"unknown field", `remotes: {work: {uri: x}}`, "remotes.work.uri: unknown key"},
		{"bad url", `remotes: {work: {url: example.com}}`, "remotes.work.url: is not a URL that begins"},
		{"url without a scheme", `remotes: {work: {url: "127.0.0.1:8765"}}`, `remotes.work.url: "127.0.0.1:8765" is not a URL that begins`},
		{"url of another type", `remotes: {work: {project: 1}}`, "remotes.work.project: must be text"},
		{"remote twice", "remotes:\n  a: {url: http://a}\n  a: {url: http://b}", "remotes.a: is there twice"},
		{"field twice", `remotes: {a: {url: http://a, url: http://b}}`, "remotes.a.url: is there twice"},
		{"two names that Viper folds", `remotes: {work: {url: http://a}, WORK: {url: http://b}}`, "remotes.WORK: a remote's name is"},
		{"name with space", `remotes: {a b: {url: http://a}}`, "a remote's name is"},
		{"name begins with a dash", `remotes: {-a: {url: http://a}}`, "a remote's name is"},
		{"long name", "remotes: {" + strings.Repeat("a", 65) + ": {url: http://a}}", "a remote's name is 1 to 64"},
		{"embedded as name", `remotes: {embedded: {url: http://a}}`, `remotes.embedded: "embedded" cannot be`},
		{"syntax", "a: b: c", "config.yaml: is not valid YAML: "},
		{"not a mapping", "- a", "config.yaml: is not a list of `key: value` lines"},
		{"two documents", "retries: 1\n---\nretries: 2", "more than one YAML document"},
		{"alias", "project: &x a\ndir: *x", "line 2: keys are plain words"},
		{"merge", "remotes: {a: &a {url: http://a}, b: {<<: *a}}", "remotes.b: line 1: keys are plain words"},
		{"key with a line break", "\"a\\nb\": 1", "line 1: keys are plain words"},
		{"too large", strings.Repeat("#\n", 1<<19) + "#", "larger than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := world{user: tt.yaml}.load(t)
			wantError(t, err, "config.yaml", tt.want)
		})
	}
}

func TestGoodValuesInTheUsersFile(t *testing.T) {
	tests := []struct{ yaml, key, want string }{
		{"# nothing\n", "retries", "100"},
		{"---\n", "retries", "100"},
		{"remotes:\n", "retries", "100"},
		{"remotes: {}\n", "retries", "100"},
		{"lock_wait: 0", "lock_wait", "0s"},
		{"timeout: 1m30s", "timeout", "1m30s"},
		{"max_chunk_bytes: 1GB", "max_chunk_bytes", "1000000000"},
		{"max_chunk_bytes: 1048576", "max_chunk_bytes", "1MiB"},
		{`project: "42"`, "project", "42"},
		{"\ufeffretries: 3\r\n", "retries", "3"},
		{strings.Repeat("#\n", 1<<19-5) + "retries: 3", "retries", "3"},
	}
	for _, tt := range tests {
		got, err := config.Get(world{user: tt.yaml}.mustLoad(t), tt.key)
		if err != nil || got.Value != tt.want {
			t.Errorf("%.30q gives %s %q, %v; want %q", tt.yaml, tt.key, got.Value, err, tt.want)
		}
	}
}

func TestBadFlagsAndVariables(t *testing.T) {
	tests := []struct {
		world
		want string
	}{
		{world{flags: []string{"-j", "65"}}, "flag --concurrency: 65 is not between 1 and 64"},
		{world{flags: []string{"--timeout", "0s"}}, "flag --timeout: "},
		{world{flags: []string{"--max-chunk-bytes", "big"}}, `flag --max-chunk-bytes: "big" is not a size`},
		{world{flags: []string{"--log-format", ""}}, `flag --log-format: "" is none of`},
		{world{flags: []string{"--config", ""}}, "flag --config"},
		{world{env: []string{"ENGRAM_SYNC_CONCURRENCY=abc"}}, `ENGRAM_SYNC_CONCURRENCY: "abc" is not a whole number`},
		{world{env: []string{"ENGRAM_SYNC_TIMEOUT=30"}}, `ENGRAM_SYNC_TIMEOUT: "30" has no unit`},
		{world{env: []string{"ENGRAM_SYNC_INSECURE_HTTP=yes"}}, `ENGRAM_SYNC_INSECURE_HTTP: "yes" is neither`},
		{world{flags: []string{"--ca-cert", "~/ca.pem"}}, "flag --ca-cert: begins with ~"},
		{world{flags: []string{"--client-key", ""}}, "flag --client-key: is empty"},
		{world{env: []string{"ENGRAM_SYNC_CLIENT_CERT=~/c.pem"}}, "ENGRAM_SYNC_CLIENT_CERT: begins with ~"},
		{world{env: []string{"ENGRAM_SYNC_CREDENTIAL_STORE=plain"}}, "ENGRAM_SYNC_CREDENTIAL_STORE: is neither keyring nor file"},
		{world{env: []string{"ENGRAM_PROJECT=a\x01"}}, "ENGRAM_PROJECT: holds control characters"},
		// Overruled, but still wrong.
		{world{env: []string{"ENGRAM_SYNC_RETRIES=x"}, flags: []string{"--retries", "1"}}, "ENGRAM_SYNC_RETRIES: "},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			_, err := tt.load(t)
			wantError(t, err, tt.want)
		})
	}
}

func TestRepositoryMaySetRemoteAndProjectOnly(t *testing.T) {
	const reason = "a file inside a repository may set only remote, project and what keeps more at home"
	tests := []struct{ yaml, want string }{
		{"remotes: {work: {url: http://evil.example.com}}", "remotes: " + reason},
		{"insecure_http: true", "insecure_http: " + reason},
		{"dir: /", "dir: " + reason},
		{"concurrency: 8", "concurrency: " + reason},
		{"url: http://evil.example.com", "url: unknown key"},
		{"ca_cert: evil.pem", "ca_cert: " + reason},
		{"client_cert: evil.pem", "client_cert: " + reason},
		{"client_key: evil.pem", "client_key: " + reason},
		{"credential_store: file", "credential_store: " + reason},
		{"token_command: [evil]", "token_command: " + reason},
		{"remotes: {work: {token_command: [evil]}}", "remotes: " + reason},
		{"token: abc", "token: secrets are never kept"},
		{"remote: http://evil.example.com", "remote: a file inside a repository can only name a remote"},
		{"remote: embedded", "remote: a file inside a repository can only name"},
		{"remote: 'embedded:dir'", "remote: a file inside a repository can only name"},
		{"remote: 1", "remote: must be text"},
		{"no_prompts: false", "no_prompts: a file inside a repository can only keep more at home"},
		{"fail_on_secrets: false", "fail_on_secrets: a file inside a repository can only keep more at home"},
		{"no_directories: false", "no_directories: a file inside a repository can only keep more at home"},
		{"types: ' , '", "types: is not a list of words"},
		{"project:", "project: has no value"},
		{"project: a\nproject: b", "project: is there twice"},
		{"{", "is not valid YAML"},
	}
	for _, tt := range tests {
		t.Run(tt.yaml, func(t *testing.T) {
			_, err := world{user: myRemotes, repo: tt.yaml}.load(t)
			wantError(t, err, ".engram-sync.yaml: ", tt.want)
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.yaml")

	_, err := config.Load(config.Inputs{Flags: parse(t, "--config", missing)})
	wantError(t, err, missing, "named by flag --config")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	_, err = config.Load(config.Inputs{Env: []string{"ENGRAM_SYNC_CONFIG=" + missing}})
	wantError(t, err, missing, "named by ENGRAM_SYNC_CONFIG")
	_, err = config.Load(config.Inputs{DefaultFile: dir})
	wantError(t, err, dir)
	_, err = config.Load(config.Inputs{RepoFile: dir})
	wantError(t, err, dir, "not a regular file")
	if _, err = config.Load(config.Inputs{DefaultFile: missing, RepoFile: missing}); err != nil {
		t.Errorf("files that nobody named may be missing: %v", err)
	}
}

// A repository can hold links to devices and sockets of whoever clones it.
func TestRepositoryFileIsNoLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "private"), filepath.Join(dir, ".engram-sync.yaml")
	write(t, target, "project: p")
	filekit.Symlink(t, target, link)
	_, err := config.Load(config.Inputs{RepoFile: link})
	wantError(t, err, link, "not a regular file")
}

func TestVariablesThatAreNoSetting(t *testing.T) {
	const secret = "engs_topsecret"
	cfg := world{env: []string{
		"ENGRAM_SYNC_TOKEN=" + secret,
		"ENGRAM_SYNC_TOEKN=" + secret,
		"ENGRAM_SYNC_REMOTES=" + secret,
		"ENGRAM_SYNC_TOKEN_COMMAND=" + secret,
		"ENGRAM_TOKEN=" + secret,
		"PATH=/bin",
	}}.mustLoad(t)
	want := []string{
		`"ENGRAM_SYNC_REMOTES" is set but is no setting of engram-sync`,
		`"ENGRAM_SYNC_TOEKN" is set but is no setting of engram-sync`,
		`"ENGRAM_SYNC_TOKEN_COMMAND" is set but is no setting of engram-sync`,
	}
	if diff := cmp.Diff(want, cfg.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for key, source := range cfg.Sources {
		if strings.Contains(key+source, secret) {
			t.Errorf("the token is in Sources[%q] = %q", key, source)
		}
	}
	for _, s := range config.List(cfg) {
		if strings.Contains(s.Key+s.Value+s.Source, secret) {
			t.Errorf("the token is in %v", s)
		}
	}
}
