package git

import "testing"

func TestRepositoryName(t *testing.T) {
	for url, want := range map[string]string{
		"https://git.example/team/app.git":    "app",
		"https://git.example/team/app/":       "app",
		"git@git.example:app.git":             "app",
		"ssh://git@git.example:2222/team/app": "app",
		"../app.git":                          "app",
		`C:\work\app`:                         "app",
		"":                                    "",
	} {
		if got := repositoryName(url); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}
