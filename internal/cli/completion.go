package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// complete lets a shell complete what is true here: chunks of the directory, remotes, projects, settings and their
// values. It asks no server and no user, and what cannot be read is not offered.
func complete(root *cobra.Command, ws *workspace.Workspace) {
	// The settings are those that the line so far asks for.
	here := func(list func(cmd *cobra.Command, args []string) []cobra.Completion) cobra.CompletionFunc {
		return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			ws.OnlyLook()
			if ws.Load(cmd.Flags()) != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return list(cmd, args), cobra.ShellCompDirectiveNoFileComp
		}
	}
	flag := func(name string, values cobra.CompletionFunc) {
		_ = root.RegisterFlagCompletionFunc(name, values) // it fails for a flag that is not there: TestCompletion would see it
	}
	for _, key := range config.Keys() {
		if key.Choices != nil && key.Flag != "" && root.PersistentFlags().Lookup(key.Flag) != nil {
			flag(key.Flag, cobra.FixedCompletions(key.Choices, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	flag("remote", here(func(*cobra.Command, []string) []cobra.Completion { return remotes(ws) }))
	flag("project", here(func(*cobra.Command, []string) []cobra.Completion { return projects(ws) }))
	for _, path := range []string{"pull", "export", "mutations pull"} {
		cmd, _, err := root.Find(strings.Fields(path))
		for _, name := range []string{"include", "exclude"} {
			if err == nil {
				_ = cmd.RegisterFlagCompletionFunc(name, keyValues(ws))
			}
		}
	}
	chunks := here(func(cmd *cobra.Command, args []string) []cobra.Completion { return chunksHere(cmd, ws, args) })
	arguments := map[string]cobra.CompletionFunc{
		"push": chunks,
		"show": chunks,
		"get":  cobra.FixedCompletions(keys(), cobra.ShellCompDirectiveNoFileComp),
		"set": func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return keysOrValues(args), cobra.ShellCompDirectiveNoFileComp
		},
		"unset": cobra.FixedCompletions(keys(), cobra.ShellCompDirectiveNoFileComp),
	}
	states, _, err := root.Find([]string{"diff"})
	if err == nil {
		states.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) (offered []cobra.Completion, _ cobra.ShellCompDirective) {
			ws.OnlyLook()
			if ws.Load(cmd.Flags()) == nil {
				offered = statesOf(cmd.Context(), ws, args, typed)
			}
			return offered, cobra.ShellCompDirectiveDefault // else a path
		}
	}
	for _, path := range []string{"push", "show", "config get", "config set", "config unset"} {
		cmd, _, err := root.Find(strings.Fields(path))
		if err == nil {
			cmd.ValidArgsFunction = arguments[cmd.Name()]
		}
	}
}

func remotes(ws *workspace.Workspace) []cobra.Completion {
	offered := []cobra.Completion{cobra.CompletionWithDesc("embedded", "a server in this process")}
	for name, remote := range ws.Config.Remotes {
		offered = append(offered, cobra.CompletionWithDesc(name, remote.URL))
	}
	slices.Sort(offered)
	return offered
}

func projects(ws *workspace.Workspace) []cobra.Completion {
	var offered []cobra.Completion
	if here, err := ws.RepositoryProject(); err == nil && here.Name != "" {
		offered = append(offered, cobra.CompletionWithDesc(here.Name, here.From))
	}
	for _, remote := range ws.Config.Remotes {
		if remote.Project != "" {
			offered = append(offered, cobra.CompletionWithDesc(remote.Project, "of remote "+remote.Name))
		}
	}
	return offered
}

// types are those that engram's own tools write, and what a row can be that is no memory.
var types = []string{"architecture", "bugfix", "config", "decision", "discovery", "learning", "manual", "pattern", "preference", "prompt", "relation", "session"}

// keyValues completes KEY=VALUE: first the keys, then what is known of the values of one.
func keyValues(ws *workspace.Workspace) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) (offered []cobra.Completion, _ cobra.ShellCompDirective) {
		key, _, chosen := strings.Cut(typed, "=")
		switch {
		case !chosen:
			for _, key := range selection.Keys() {
				offered = append(offered, key+"=")
			}
			return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		case key == "type":
			offered = slices.Clone(types)
		case key == "project":
			ws.OnlyLook()
			if ws.Load(cmd.Flags()) == nil {
				offered = projects(ws)
			}
		}
		for i := range offered {
			offered[i] = key + "=" + offered[i]
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

const maxBranches = 50

// statesOf are the words of diff for what it compares, as far as they go on from what is typed: a shell offers paths only where there is
// none.
func statesOf(ctx context.Context, ws *workspace.Workspace, args []string, typed string) (offered []cobra.Completion) {
	if len(args) > 1 {
		return nil
	}
	words := []cobra.Completion{
		cobra.CompletionWithDesc("HEAD", "the last commit"), cobra.CompletionWithDesc("database", "engram.db"), cobra.CompletionWithDesc("remote", "what the remote has"),
	}
	for _, branch := range git.Branches(ctx, ws.Environ, ".", maxBranches) {
		words = append(words, cobra.CompletionWithDesc(branch, "a branch"))
	}
	for _, word := range words {
		if strings.HasPrefix(word, typed) && !slices.Contains(args, strings.Split(word, "\t")[0]) {
			offered = append(offered, word)
		}
	}
	return offered
}

// chunksHere are the chunks of the directory that are not among the arguments yet, the newest first, with their time and
// who made them.
func chunksHere(cmd *cobra.Command, ws *workspace.Workspace, args []string) []cobra.Completion {
	dir, err := ws.OpenDirectory()
	if err != nil {
		return nil
	}
	m, err := dir.ReadManifest(cmd.Context())
	if err != nil {
		return nil
	}
	var offered []cobra.Completion
	for _, e := range slices.Backward(m.Entries()) {
		if id := e.ID.String(); !slices.Contains(args, id) {
			offered = append(offered, cobra.CompletionWithDesc(id, terminal.Visible(e.CreatedAt)+" "+terminal.Visible(e.CreatedBy)))
		}
	}
	return offered
}

func keys() []cobra.Completion {
	var offered []cobra.Completion
	for _, key := range config.Keys() {
		if key.Variable != "" { // of a remote there are as many as there are names
			offered = append(offered, key.Key)
		}
	}
	return offered
}

// keysOrValues are the settings, and after one of them its values.
func keysOrValues(args []string) []cobra.Completion {
	if len(args) == 0 {
		return keys()
	}
	for _, key := range config.Keys() {
		if key.Key == args[0] && len(args) == 1 {
			return key.Choices
		}
	}
	return nil
}
