package main

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
)

func newBackendsCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "backends",
		Short: "Show the backends of a gateway that runs",
		Long: `Backends shows each backend of each route: whether it gets requests, the states of the
connections to it, what was sent and has come back, and why a connection was last lost.
Sallyport drain, disable and enable change whether it gets requests.`,
		Example: `  sallyport backends -c sallyport.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct{ Backends []gateway.BackendView }
			return t.show(cmd, "/v1/backends", &list, func(w io.Writer) {
				fmt.Fprintln(w, "ROUTE\tBACKEND\tADDRESS\tADMIN\tCIRCUIT\tCONNECTIONS\tSENT\tRESULTS\tPENDING\tEXPIRED\tLOST\tDIALS\tLAST ERROR")
				for _, b := range list.Backends {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", cell(b.Route), cell(b.Name), cell(b.Address), cell(b.Admin), cell(b.Circuit), states(b.Links),
						b.Tx, b.Rx, b.Pending, b.Expired, b.Lost, b.Dials, cell(b.LastError))
				}
			})
		},
	}
	t.flags(cmd)
	return cmd
}

// states are how many there are of each state, in one cell.
func states(n map[string]int) string {
	var list []string
	for _, state := range slices.Sorted(maps.Keys(n)) {
		if n[state] > 0 {
			list = append(list, fmt.Sprintf("%d %s", n[state], plain(state)))
		}
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// newDutyCommands returns those that change whether a backend gets requests.
func newDutyCommands() []*cobra.Command {
	var list []*cobra.Command
	for _, c := range []struct{ verb, short, long string }{
		{"drain", "Have a backend get no more requests", `Drain has a backend get no more requests. What it has is answered, and its connections
stay open. If it was the only one, clients hear that they are to come again later.`},
		{"disable", "Have a backend get no more requests, and close its connections", `Disable has a backend get no more requests. What it has is answered; then its connections
are closed, and none is dialled. If it was the only one, clients hear that they are to
come again later. The relays of a route of kind relay are ended at once.`},
		{"enable", "Have a backend get requests again", `Enable is the end of drain and of disable.`},
	} {
		var t target
		cmd := &cobra.Command{
			Use:     c.verb + " ROUTE BACKEND",
			Short:   c.short + ", of a gateway that runs",
			Long:    c.long + ` It lasts through a reload, and not through a restart.`,
			Example: "  sallyport " + c.verb + " -c sallyport.yaml orders main",
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) != 2 {
					return fmt.Errorf("name a route and one of its backends, as \"sallyport backends\" has them")
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, args []string) error {
				return t.change(cmd, "/v1/backends/"+url.PathEscape(args[0])+"/"+url.PathEscape(args[1])+"/"+c.verb, nil)
			},
		}
		t.flags(cmd)
		list = append(list, cmd)
	}
	return list
}
