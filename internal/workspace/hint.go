package workspace

import (
	"cmp"
	"slices"
	"strings"
)

// hintFlags are the flags of a run that a command named in a hint needs as well, to speak of the same. What the environment
// and the config file say needs none.
func hintFlags(command string) []string {
	names := []string{"directory", "config"}
	server := []string{"remote", "project", "protocol", "insecure-http", "ca-cert", "client-cert", "client-key"}
	switch command {
	case "config":
		return names[1:]
	case "serve":
		return append(names, "data", "database")
	case "login", "logout", "auth":
		return append(names, server...)
	case "push", "pull", "sync", "status", "manifest", "mutations", "trust", "doctor", "log", "show", "search", "diff":
		return slices.Concat(names, []string{"dir"}, server)
	case "export":
		return append(names, "dir", "project")
	}
	return append(names, "dir") // a remote would be one more thing to look at
}

// RemoteFlag is --remote with the remote that counts, as its settings call it, for a command that takes none by itself.
func (w *Workspace) RemoteFlag() string {
	if w.Config.RemoteErr != nil {
		return "--remote NAME"
	}
	return "--remote " + ShellWord(cmp.Or(w.Config.Remote.Name, w.Config.Remote.URL))
}

// complete adds to a command line the flags that this run was given, so that it works as it is typed.
func (w *Workspace) complete(command string) string {
	words := strings.Fields(command)
	if words[0] == "git" { // its paths are seen from where -C went, and git goes from one -C to the next
		if w.Chdir != "" {
			command = "git -C " + ShellWord(w.Chdir) + strings.TrimPrefix(command, "git")
		}
		return command
	}
	if w.Inputs.Flags == nil || slices.Contains(words, "--help") {
		return command
	}
	for _, name := range hintFlags(words[1]) {
		flag := w.Inputs.Flags.Lookup(name)
		if flag == nil || !flag.Changed || slices.Contains(words, "--"+name) || flag.Shorthand != "" && slices.Contains(words, "-"+flag.Shorthand) {
			continue
		}
		switch {
		case flag.NoOptDefVal != "": // a switch
			command += " --" + name
		case flag.Shorthand != "":
			command += " -" + flag.Shorthand + " " + ShellWord(flag.Value.String())
		default:
			command += " --" + name + " " + ShellWord(flag.Value.String())
		}
	}
	return command
}
