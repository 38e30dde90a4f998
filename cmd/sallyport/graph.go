package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
)

var (
	machines     = []string{"session", "backend", "exchange"}
	graphFormats = []string{"mermaid", "graphviz"}
)

func newGraphCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "graph session|backend|exchange",
		Short: "Draw a state machine of the gateway",
		Long: `Graph prints one of the three state machines that the gateway runs on: that of a client
connection, of a backend connection, or of a request.`,
		Example: `  sallyport graph exchange
  sallyport graph session --format graphviz | dot -Tsvg > session.svg`,
		ValidArgs: machines,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(machines, args[0]) {
				return fmt.Errorf("name one machine: %s", strings.Join(machines, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(graphFormats, format) {
				return usageError{fmt.Errorf("there is no format %q; there is %s", format, strings.Join(graphFormats, ", "))}
			}
			text, err := gateway.Diagram(args[0], format)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(text, "\n"))
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "mermaid", "mermaid or graphviz")
	return cmd
}
