package cli

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

// bothStores are the stories that show what a server keeps, and how.
var bothStores = []string{
	"auth", "auth_accounts", "auth_apikey", "auth_ratelimit", "auth_refused", "collision", "edited",
	"mutations_pull", "mutations_pull_changed", "mutations_push", "mutations_push_bad", "mutations_push_db", "projects", "projects_large",
	"reduced", "reduced_retired", "redacted", "roundtrip", "serve_migrate", "settle", "unbelieved", "version_manifest", "version_roundtrip",
}

// TestScriptsOnPostgres tells the same stories again, with servers that keep what they
// have in PostgreSQL.
func TestScriptsOnPostgres(t *testing.T) {
	skipLong(t)
	pgtest.Database(t) // or the stories are left out
	params := scriptParams("")
	for _, name := range bothStores {
		params.Files = append(params.Files, filepath.Join("testdata", "script", name+".txtar"))
	}
	params.Setup = func(env *testscript.Env) error {
		env.Values["database"] = func() string { return pgtest.Database(t) }
		env.Setenv("SPARE", pgtest.Database(t))
		return setupStory(env)
	}
	testscript.Run(t, params)
}
