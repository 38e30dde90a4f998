package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
)

func newSessionsCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "Show the clients of a gateway that runs",
		Long: `Sessions shows each client that is connected, the oldest first: where it comes from, what
it is doing, how many requests it has sent, and how many were refused or are not
answered yet. Sallyport kick ends one.`,
		Example: `  sallyport sessions -c sallyport.yaml
  sallyport sessions --admin unix:/run/sallyport/admin --route orders --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct {
				Sessions  []gateway.SessionView
				Truncated bool
			}
			return t.show(cmd, t.path("sessions"), &list, func(w io.Writer) {
				fmt.Fprintln(w, "ID\tROUTE\tPEER\tIDENTITY\tSTATE\tAGE\tRECEIVED\tREFUSED\tOPEN\tQUEUED")
				for _, s := range list.Sessions {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n", s.ID, cell(s.Route), cell(s.Peer), cell(s.Identity), cell(s.State), span(s.Age), s.Received, s.Refused, s.Open, s.Queued)
				}
				truncated(w, list.Truncated)
			})
		},
	}
	t.listFlags(cmd, true)
	return cmd
}

func newKickCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "kick SESSION",
		Short: "End a client's connection to a gateway that runs",
		Long: `Kick closes the connection of a client now. SESSION is its number, as sallyport sessions
has it. What the client has open goes on at the backend; the results are dropped.`,
		Example: `  sallyport kick -c sallyport.yaml 17`,
		Args:    one("name one session by its number, as \"sallyport sessions\" has it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(args[0], "session")
			if err != nil {
				return err
			}
			return t.change(cmd, fmt.Sprintf("/v1/sessions/%d/kick", id), nil)
		},
	}
	t.flags(cmd)
	return cmd
}

// one wants one argument, and says which.
func one(say string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s", say)
		}
		return nil
	}
}

// number reads the number of a session or a request.
func number(text, of string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usageError{fmt.Errorf("%q is no number of a %s", text, of)}
	}
	return n, nil
}
