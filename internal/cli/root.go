// Package cli is the command line of engram-sync: the root of the commands, whose groups have packages of their own.
// Only main runs it.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/cli/chunks"
	"github.com/engram-sync/engram-sync/internal/cli/chunks/export"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/doctor"
	"github.com/engram-sync/engram-sync/internal/cli/login"
	"github.com/engram-sync/engram-sync/internal/cli/look"
	"github.com/engram-sync/engram-sync/internal/cli/mergedriver"
	"github.com/engram-sync/engram-sync/internal/cli/mutations"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/redact"
	"github.com/engram-sync/engram-sync/internal/cli/serve"
	"github.com/engram-sync/engram-sync/internal/cli/settings"
	"github.com/engram-sync/engram-sync/internal/cli/unattended"
	"github.com/engram-sync/engram-sync/internal/cli/verify"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const rootLong = `engram-sync carries the memories of coding agents between the .engram/ directory of a
repository and an Engram Cloud server: byte for byte, checked, and nothing twice.

To try it without a server, in a repository that has an .engram/ directory:

    engram-sync push --remote embedded

With a server, once on each machine:

    engram-sync config set remotes.work.url https://engram.example.com
    engram-sync config set remote work
    engram-sync login

And then:

    engram-sync status           what would move, and what is not exported yet
    engram-sync sync --export    write that into chunks, pull, push
    engram-sync search WORDS     what the agents of your team have learned; see also log
    engram-sync verify           are the chunks whole, and is there a secret in them
    engram-sync doctor           what is wrong, and which command fixes it`

// newRootCmd is the product on one screen.
func newRootCmd(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "engram-sync",
		Short:         "Sync the memories of coding agents with an Engram Cloud server",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       ws.Version,
		Args:          command.RefuseUnknown,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if term.Quiet && term.Verbose {
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--quiet and --verbose contradict each other: choose one")}
			}
			return ws.Load(cmd.Flags())
		},
	}
	cmd.SetIn(term.Stdin)
	cmd.SetOut(term.Stdout.Block())
	cmd.SetErr(term.Stderr())
	cmd.SetFlagErrorFunc(flagError)
	addGlobalFlags(term, ws, cmd.PersistentFlags())
	addGroup(cmd, "sync", "Chunks",
		chunks.NewPush(term, ws),
		chunks.NewPull(term, ws),
		chunks.NewSync(term, ws),
		chunks.NewStatus(term, ws),
		chunks.NewManifest(term, ws),
		export.New(term, ws),
		verify.New(term, ws),
		mergedriver.New(term, ws),
	)
	addGroup(cmd, "look", "Memories",
		look.NewLog(term, ws),
		look.NewShow(term, ws),
		look.NewSearch(term, ws),
		look.NewDiff(term, ws),
		redact.New(term, ws),
		look.NewBrowse(term, ws),
	)
	addGroup(cmd, "journal", "Journal", mutations.New(term, ws))
	addGroup(cmd, "other", "Setup",
		login.NewAuth(term, ws),
		login.NewLogin(term, ws), // as under auth
		login.NewLogout(term, ws),
		settings.New(term, ws),
		settings.NewTrust(term, ws),
		mergedriver.NewGit(term, ws),
		doctor.New(term, ws),
		serve.New(term, ws),
		newVersion(term, ws),
	)
	cmd.AddCommand(topics()...)
	unattended.May(cmd, term, ws)
	complete(cmd, ws)
	command.TakeNamed(cmd)
	cmd.SetHelpFunc(func(c *cobra.Command, _ []string) { c.Print(helpPage(c)) })
	cmd.SetHelpCommandGroupID("other")
	cmd.SetCompletionCommandGroupID("other")
	cmd.SetVersionTemplate(command.VersionLine(ws.Version) + "\n")
	refuseUnknownTopics(cmd)
	return cmd
}

// refuseUnknownTopics makes cobra's own commands say what they do, and what they do not know,
// where they would print the general help, and succeed.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Short = "Write the completion script of a shell"
			cmd.Args = command.RefuseUnknown
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		case "help":
			cmd.Short, cmd.Long = "Say what a command does", "Say what a command does, as --help after it."
			cmd.Example = "  engram-sync help verify"
			cmd.Args = func(_ *cobra.Command, words []string) error {
				topic, rest, err := root.Find(words)
				if err != nil || topic == root && len(rest) > 0 {
					return command.RefuseUnknown(root, words)
				}
				return nil
			}
		}
	}
}

// addGroup adds commands under a title of the help.
func addGroup(root *cobra.Command, id, title string, cmds ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, cmd := range cmds {
		cmd.GroupID = id
		root.AddCommand(cmd)
	}
}

// addGlobalFlags declares the flags that every command has. Those that are
// settings are read by internal/config.
func addGlobalFlags(term *terminal.Terminal, ws *workspace.Workspace, flags *pflag.FlagSet) {
	flags.String("remote", "", "the server: `NAME|URL`, or embedded[:DIR] for one in this process")
	flags.String("project", "", "the project is `NAME` (default: found as engram finds it)")
	flags.String("protocol", "auto", "what kind of server it is: `auto|account|project`")
	flags.String("dir", "", "the chunk directory `DIR` itself (default: the nearest .engram in this git work tree)")
	flags.StringVarP(&ws.Chdir, "directory", "C", "", "run as if started in `DIR`")
	flags.IntP("concurrency", "j", 8, "run `N` transfers at once")
	flags.BoolVar(&term.JSON, "json", false, "print one JSON document, and errors as JSON")
	flags.Var(term.JQ(), "jq", "print what the jq `EXPRESSION` chooses of the JSON document")
	flags.Var(term.Template(), "template", "print the JSON document by the Go template `TEXT`")
	flags.BoolVarP(&term.Quiet, "quiet", "q", false, "print only errors")
	flags.BoolVarP(&term.Verbose, "verbose", "v", false, "say more: each item, and each request")
	flags.String("log-format", "auto", "write stderr as `text|json|github`; auto is github in GitHub Actions, else text")
	flags.Duration("timeout", 0, "give up on a request that stands still for `DURATION` (default 30s)")
	flags.Int("retries", 100, "repeat a failed request up to `N` times, within --retry-time")
	flags.Duration("retry-time", 0, "give a request that fails up to `DURATION` for retries (default 2m0s)")
	flags.Duration("lock-wait", 0, "wait for another engram-sync on the same directory for `DURATION` (default 0s)")
	flags.String("max-chunk-bytes", "512MiB", "refuse chunks of more than `SIZE`, uncompressed")
	flags.String("limit-upload", "0", "send at most `SIZE` a second, such as 500KiB, of all transfers together")
	flags.String("limit-download", "0", "receive at most `SIZE` a second, of all transfers together")
	flags.String("color", "auto", "colours are for `WHEN`: auto (a terminal), always or never")
	flags.String("progress", "auto", "show `HOW` work goes: auto, bar, plain, json or none")
	flags.Bool("insecure-http", false, "allow tokens over cleartext http to other machines")
	flags.String("ca-cert", "", "trust the authorities in `FILE` too (PEM)")
	flags.String("client-cert", "", "show the certificate in `FILE` to the server (PEM)")
	flags.String("client-key", "", "the private key of that certificate is in `FILE` (PEM)")
	flags.String("config", "", "read the settings from `FILE`")
}

func newVersion(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Example: "  engram-sync version\n  engram-sync version --jq .version",
		Short:   "Print the version",
		Long:    problem.Help("Print the version of engram-sync, the commit that it was built from if that is known,\nthe version of Go, and the platform.", nil, problem.OK),
		// It must work whatever is wrong with the configuration.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(*cobra.Command, []string) error {
			revision, date := command.Commit()
			return term.Value(terminal.Fields{"version": ws.Version, "commit": revision, "date": date,
				"go": runtime.Version(), "platform": command.Platform()}, command.VersionLine(ws.Version))
		},
	}
}

// Command is the whole command line, for who writes its manual (scripts/manual). It is not to be run.
func Command() *cobra.Command {
	term := terminal.New(strings.NewReader(""), io.Discard, io.Discard)
	return newRootCmd(term, workspace.New(term, nil, "dev"))
}

// Run runs the command line of this process, and gives its exit code. version is what the linker
// set, or "". exit ends the process at once, where a goroutine panics.
func Run(ctx context.Context, version string, exit func(code int)) int {
	term := terminal.New(os.Stdin, os.Stdout, os.Stderr)
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		term.Read()
	}
	log.SetOutput(term.Stderr()) // until the workspace has a logger
	panics.Handle(func(value any) {
		term.Fail(problem.Failure(internalError(value), ""))
		term.Flush()
		exit(problem.Failed)
	})
	return run(ctx, term, workspace.New(term, os.Environ(), command.Version(version)), os.Args[1:])
}

// run executes one command line and gives the exit code.
func run(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, args []string) int {
	secret.AddURL(strings.Join(args, " "))
	defer term.Flush()
	term.Until(ctx)
	cmd := newRootCmd(term, ws)
	cmd.SetArgs(args)
	err := protect(func() error { return cmd.ExecuteContext(ctx) })
	if unprinted := term.Stdout.Err(); err == nil {
		err = unprinted
	} else if problem.As[*terminal.FilterError](unprinted) && !problem.As[*terminal.FilterError](err) {
		term.Fail(problem.Failure(unprinted, ""))
	}
	if err == nil {
		return problem.OK
	}
	if done, printed := errors.AsType[*terminal.ExitStatus](err); printed && done.Message == "" {
		return done.Code
	}
	err = problem.Ended(ctx, err)
	// A bad flag ends the parsing before what asks for JSON is seen, and its error must be
	// JSON all the same.
	term.JSON = term.JSON || problem.As[*terminal.UsageError](err) && slices.ContainsFunc(args, asksForJSON)
	failure := problem.Failure(err, ws.TokenFrom)
	failure.At = ws.PlaceOfError(err)
	if done, printed := errors.AsType[*terminal.ExitStatus](err); term.JSON && failure.Hint == "" && printed { // text has just listed them
		failure.Hint = cmp.Or(done.Hint, "failed in the document on stdout says of each item why, and its class is a section of docs/troubleshooting.md")
	}
	term.Fail(failure)
	return problem.Code(err)
}

func asksForJSON(arg string) bool {
	flag, _, _ := strings.Cut(arg, "=")
	return arg == "--json" || flag == "--jq" || flag == "--template"
}

// protect turns a panic into an error: a stack trace tells a user nothing.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = internalError(r)
		}
	}()
	return f()
}

func internalError(value any) error { return fmt.Errorf("internal error: %v", value) }
