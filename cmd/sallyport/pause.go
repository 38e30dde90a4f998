package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// newPauseCommands returns pause and resume.
func newPauseCommands() []*cobra.Command {
	var list []*cobra.Command
	for _, c := range []struct{ verb, short, long string }{
		{"pause", "Have the clients of a route hear that they are to come again later", `Pause has the clients of a route hear, for each request, that they are to come again later.
What a backend has is answered. It lasts through a reload, and not through a restart.`},
		{"resume", "End the pause of a route", `Resume is the end of pause.`},
	} {
		var t target
		cmd := &cobra.Command{
			Use:     c.verb + " ROUTE",
			Short:   c.short,
			Long:    c.long,
			Example: "  sallyport " + c.verb + " -c sallyport.yaml orders",
			Args:    one("name one route"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return t.change(cmd, "/v1/routes/"+url.PathEscape(args[0])+"/"+c.verb, nil)
			},
		}
		t.flags(cmd)
		list = append(list, cmd)
	}
	return list
}

func newLogLevelCommand() *cobra.Command {
	var t target
	var d time.Duration
	cmd := &cobra.Command{
		Use:   "log-level error|warn|info|debug",
		Short: "Have a gateway that runs log more, or less, for a time",
		Long: `Log-level has the gateway log at another level for a time, after which the level is again
what it was.`,
		Example:   `  sallyport log-level -c sallyport.yaml debug --for 2m`,
		ValidArgs: []string{"error", "warn", "info", "debug"},
		Args:      one("name one level: error, warn, info or debug"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if d < time.Millisecond {
				return usageError{fmt.Errorf("--for: want a time, such as 10m, got %v", d)}
			}
			return t.change(cmd, "/v1/log", map[string]any{"level": args[0], "for_ms": d.Milliseconds()})
		},
	}
	t.flags(cmd)
	cmd.Flags().DurationVar(&d, "for", 10*time.Minute, "for how long, at most 24h")
	return cmd
}
