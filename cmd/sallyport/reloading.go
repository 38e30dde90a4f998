package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
)

func newReloadCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a gateway that runs take its configuration over again",
		Long: `Reload has the gateway read its configuration again and do what it says from now on, as
SIGHUP does, and prints what became of each route. If the configuration is wrong it
prints where, the old one goes on, and the exit status is 1.

Routes that did not change are left alone. Of those that did, clients and backend
connections stay, unless what they speak or where they lead is another.`,
		Example: "  sallyport reload -c sallyport.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c gateway.Change
			return t.ask(cmd, http.MethodPost, "/v1/reload", &c, func(w io.Writer) { tellChange(w, &c) })
		},
	}
	t.flags(cmd)
	return cmd
}

// tellChange says what a reload has done, for a person.
func tellChange(w io.Writer, c *gateway.Change) {
	for _, line := range []struct {
		names []string
		what  string
	}{
		{c.Added, "added"}, {c.Changed, "changed; its clients stay"},
		{c.Renewed, "speaks otherwise than before; its clients are drained, and new ones are taken"},
		{c.Removed, "removed; its clients are drained"}, {c.Kept, "as it was"},
	} {
		for _, name := range line.names {
			fmt.Fprintf(w, "route %s\t%s\n", plain(name), line.what)
		}
	}
	if len(c.Later) > 0 {
		fmt.Fprintf(w, "%s: takes effect when the gateway is started the next time\n", strings.Join(c.Later, ", "))
	}
}
