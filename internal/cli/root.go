package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/terminal"
)

const rootLong = `engram-sync moves the memories of coding agents between a chunk directory
(.engram/) and an Engram Cloud server. Chunks go up and come down byte for
byte, and are checked against their ids on the way.

To try it without any server, in a repository that has an .engram/ directory:

  engram-sync push --remote embedded`

// newRootCmd is the product on one screen.
func newRootCmd(app *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "engram-sync",
		Short:         "Sync the memories of coding agents with an Engram Cloud server",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       app.Version,
		Args:          refuseUnknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return app.Load(cmd.Flags())
		},
	}
	cmd.SetIn(app.Stdin)
	cmd.SetOut(app.Stdout)
	cmd.SetErr(app.Stderr())
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
	})
	app.addGlobalFlags(cmd.PersistentFlags())
	cmd.AddGroup(&cobra.Group{ID: groupSync, Title: "Chunks:"}, &cobra.Group{ID: groupJournal, Title: "Journal:"}, &cobra.Group{ID: groupOther, Title: "Setup:"})
	cmd.SetHelpCommandGroupID(groupOther)
	cmd.SetCompletionCommandGroupID(groupOther)
	cmd.AddCommand(
		newPushCmd(app),
		newPullCmd(app),
		newSyncCmd(app),
		newStatusCmd(app),
		newManifestCmd(app),
		newExportCmd(app),
		newVerifyCmd(app),
		newMutationsCmd(app),
		newMergeDriverCmd(app),
		newAuthCmd(app),
		atTop(newLoginCmd(app)),
		atTop(newLogoutCmd(app)),
		newConfigCmd(app),
		newServeCmd(app),
		newVersionCmd(app),
	)
	cmd.SetVersionTemplate(versionLine(app.Version) + "\n")
	refuseUnknownTopics(cmd)
	return cmd
}

// refuseUnknownTopics makes cobra's own commands say what they do not know,
// where they would print the general help, and succeed.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Args = refuseUnknownCommand
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		case "help":
			cmd.Args = func(_ *cobra.Command, words []string) error {
				topic, rest, err := root.Find(words)
				if err != nil || topic == root && len(rest) > 0 {
					return refuseUnknownCommand(root, words)
				}
				return nil
			}
		}
	}
}

// atTop puts a command of a group at the top level too.
func atTop(cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = groupOther
	return cmd
}

// The groups of commands in the help.
const (
	groupSync    = "sync"
	groupJournal = "journal"
	groupOther   = "other"
)

// addGlobalFlags declares the flags that every command has. Those that are
// settings are read by internal/config.
func (a *app) addGlobalFlags(flags *pflag.FlagSet) {
	flags.String("remote", "", "the server: `NAME|URL`, or embedded[:DIR] for one in this process")
	flags.String("project", "", "the project's `NAME` (account servers have no projects)")
	flags.String("protocol", "auto", "what kind of server it is: `auto|account|project`")
	flags.String("dir", "", "the chunk directory `DIR` itself (default: the nearest .engram in this git work tree)")
	flags.StringVarP(&a.Chdir, "directory", "C", "", "run as if started in `DIR`")
	flags.IntP("concurrency", "j", 8, "run `N` transfers at once")
	flags.BoolVar(&a.JSON, "json", false, "print one JSON document, and errors as JSON")
	flags.BoolVarP(&a.Quiet, "quiet", "q", false, "print only errors")
	flags.BoolVarP(&a.Verbose, "verbose", "v", false, "say more: each item, and each request")
	flags.String("log-format", "text", "log to stderr as `text|json`")
	flags.Duration("timeout", 0, "give up on a request that stands still for `DURATION` (default 30s)")
	flags.Int("retries", 4, "repeat a failed request up to `N` times")
	flags.Duration("lock-wait", 0, "wait for another engram-sync on the same directory for `DURATION` (default 0s)")
	flags.String("max-chunk-bytes", "512MiB", "refuse chunks of more than `SIZE`, uncompressed")
	flags.Bool("insecure-http", false, "allow tokens over cleartext http to other machines")
	flags.String("ca-cert", "", "trust the authorities in `FILE` too (PEM)")
	flags.String("client-cert", "", "show the certificate in `FILE` to the server (PEM)")
	flags.String("client-key", "", "the private key of that certificate is in `FILE` (PEM)")
	flags.String("config", "", "read the settings from `FILE`")
}

func refuseUnknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2 // which is cobra's own where it checks by itself
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		err = fmt.Errorf("%w: did you mean %s", err, strings.Join(similar, " or "))
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
}

// exactly wants this many arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		wants := "no arguments"
		if n > 0 {
			wants = "just this: " + cmd.Use
		}
		return &terminal.UsageError{Command: cmd.CommandPath(), Err: fmt.Errorf("%s takes %s", cmd.CommandPath(), wants)}
	}
}
