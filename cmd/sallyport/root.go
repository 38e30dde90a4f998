package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/config"
)

// The exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// errTold is the error of a command that has said itself what is wrong.
var errTold = errors.New("told already")

// usageError is the error of a command line that cannot be meant, found by the command
// itself. Those that cobra finds need no type.
type usageError struct{ error }

// newRoot returns the program. It has no state outside of it, so that a test can make two.
func newRoot() *cobra.Command {
	var test bool
	var file string
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "Check what clients send before an old backend gets it",
		Long: `Sallyport stands in front of a backend that is old, strict and few in connections. It
reads whole messages from each client and checks them: what is wrong is answered at
once, with the reasons; what is right is passed on, and the client may hear that it
is being processed. Many clients share few backend connections, and each result
goes to the one client that asked.

To see it work:         sallyport demo
To run it:              sallyport run -c FILE
To check a FILE first:  sallyport check FILE`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case test:
				return checkFiles(cmd, files(file, args), false)
			case file != "":
				return usageError{errors.New("-c is for a command: sallyport run -c FILE, or sallyport check -c FILE")}
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVarP(&test, "test", "t", false, "check the configuration and exit, as sallyport check does")
	root.Flags().StringVarP(&file, "config", "c", "", "the configuration that -t checks")
	root.AddCommand(
		newRunCommand(), newCheckCommand(), newDemoCommand(),
		newSimCommand(), newSendCommand(), newDecodeCommand(), newLearnCommand(),
		newGraphCommand(), newSchemaCommand(), newDialectCommand(), newMessageProfileCommand(), newVersionCommand(), newManCommand(),
		newTopCommand(), newReloadCommand(), newExplainCommand(), newSessionsCommand(), newBackendsCommand(), newExchangesCommand(), newRefusalsCommand(),
		newKickCommand(), newLogLevelCommand(),
	)
	root.AddCommand(newDutyCommands()...)
	root.AddCommand(newPauseCommands()...)
	return root
}

// execute runs root and returns the exit status. What went wrong is printed once. An
// error from before a command began is one of usage.
func execute(root *cobra.Command, args []string) int {
	began := false
	mark(root, &began)
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	w := cmd.ErrOrStderr()
	if _, ok := errors.AsType[usageError](err); ok || !began {
		fmt.Fprintf(w, "%s: %v\nRun '%s --help' to see how it is used.\n", root.Name(), err, cmd.CommandPath())
		return exitUsage
	}
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		// The first thing in a line is the place, which editors and terminals can open.
		fmt.Fprintf(w, "%v\n%s: %s.", wrong, root.Name(), mistakes(wrong))
		if wrong.Of == "" {
			fmt.Fprint(w, " Nothing was started.")
		}
		fmt.Fprintln(w)
	} else if !errors.Is(err, errTold) {
		fmt.Fprintf(w, "%s: %v\n", root.Name(), err)
	}
	return exitFailure
}

// mark makes every command below cmd note that it began.
func mark(cmd *cobra.Command, began *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		mark(sub, began)
	}
}

// knownCommand refuses what is no command. Files may follow -t.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || cmd.Flags().Changed("test") {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return errors.New(text)
}

// files returns the file of -c, if it was given, and those after it.
func files(flag string, args []string) []string {
	if flag == "" {
		return args
	}
	return append([]string{flag}, args...)
}

func mistakes(e *config.Error) string {
	of := cmp.Or(e.Of, "the configuration")
	if n := len(e.Mistakes) + e.More; n > 1 {
		return fmt.Sprintf("%s has %d mistakes", of, n)
	}
	return of + " has a mistake"
}
