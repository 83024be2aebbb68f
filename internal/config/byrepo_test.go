package config_test

import "testing"

// What a repository chose, and nobody else, is told: tokens and memories depend on it.
func TestChoicesOfARepositoryAreTold(t *testing.T) {
	const remotes = "remotes:\n  work: {url: https://work.example}\n  home: {url: https://home.example, project: own}\n"
	for story, tt := range map[string]struct {
		world
		remote, project bool
	}{
		"nobody":                        {world{user: remotes}, false, false},
		"the repository":                {world{user: remotes, repo: "remote: work\nproject: theirs\n"}, true, true},
		"in the place of the user's":    {world{user: "remote: home\nproject: mine\n" + remotes, repo: "remote: work\nproject: theirs\n"}, true, true},
		"the same as the user":          {world{user: "remote: work\nproject: mine\n" + remotes, repo: "remote: work\nproject: mine\n"}, false, false},
		"overruled by flags":            {world{flags: []string{"--remote=work", "--project=theirs"}, user: remotes, repo: "remote: work\nproject: theirs\n"}, false, false},
		"overruled by variables":        {world{env: []string{"ENGRAM_SYNC_REMOTE=work", "ENGRAM_SYNC_PROJECT=theirs"}, user: remotes, repo: "remote: work\nproject: theirs\n"}, false, false},
		"a remote's own project counts": {world{user: remotes, flags: []string{"--remote=home"}, repo: "project: theirs\n"}, false, false},
		"and is chosen with the remote": {world{user: remotes, repo: "remote: home\n"}, true, true},
		"unless a flag knows better":    {world{user: remotes, flags: []string{"--project=mine"}, repo: "remote: home\n"}, true, false},
	} {
		cfg := tt.mustLoad(t)
		if cfg.RemoteByRepo != tt.remote || cfg.ProjectByRepo != tt.project {
			t.Errorf("%s: remote %v, project %v", story, cfg.RemoteByRepo, cfg.ProjectByRepo)
		}
	}
}
