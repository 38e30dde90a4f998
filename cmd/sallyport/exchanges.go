package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
)

func newExchangesCommand() *cobra.Command {
	var t target
	var ended bool
	var state string
	cmd := &cobra.Command{
		Use:   "exchanges",
		Short: "Show the requests in flight in a gateway that runs",
		Long: `Exchanges shows each request that is not over, the oldest first: whose it is, which
backend connection has it, and what it waits for. With --ended it shows the last that are
over, the newest first, and --state failed, expired, abandoned or answered only some of
them. Sallyport explain tells more of one.`,
		Example: `  sallyport exchanges -c sallyport.yaml --limit 20
  sallyport exchanges -c sallyport.yaml --ended --state failed`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct {
				Exchanges []gateway.ExchangeView
				Truncated bool
			}
			path, age := t.path("exchanges"), "AGE"
			if ended || state != "" {
				path, age = t.path("ended")+"&state="+url.QueryEscape(state), "TOOK"
			}
			return t.show(cmd, path, &list, func(w io.Writer) {
				fmt.Fprintln(w, "ID\tROUTE\tSTATE\t"+age+"\tSESSION\tPEER\tCONNECTION\tTOLD TO WAIT")
				for _, x := range list.Exchanges {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", x.ID, cell(x.Route), cell(x.State), span(x.Age), x.Session, cell(x.Peer), cell(x.Link), yes(x.Waited))
				}
				truncated(w, list.Truncated)
			})
		},
	}
	t.listFlags(cmd, true)
	cmd.Flags().BoolVar(&ended, "ended", false, "those that are over")
	cmd.Flags().StringVar(&state, "state", "", "of those that are over, the ones that ended so: answered, failed, expired, abandoned")
	return cmd
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func newExplainCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Tell the life of one request, or why it was refused",
		Long: `Explain tells what became of one request, step by step, each with its time: where it came
from, whether it waited, which backend connection got it, what its client was told, and
how it ended; or why it was refused, and where in the message. ID is its number, as
sallyport exchanges and refusals have it. Of those that are over the gateway knows the
last thousand or so for each processor.`,
		Example: `  sallyport explain -c sallyport.yaml 4711`,
		Args:    one("name one request by its number, as \"sallyport exchanges\" and \"sallyport refusals\" have it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(args[0], "request")
			if err != nil {
				return err
			}
			var l gateway.ExchangeLife
			return t.show(cmd, fmt.Sprintf("/v1/exchanges/%d", id), &l, func(w io.Writer) { explain(w, &l) })
		},
	}
	t.flags(cmd)
	return cmd
}

// explain tells a life.
func explain(w io.Writer, l *gateway.ExchangeLife) {
	fmt.Fprintf(w, "request %d on route %s is %s", l.ID, plain(l.Route), plain(l.State))
	if l.Over {
		fmt.Fprintf(w, ", after %s\n", span(l.Took))
	} else {
		fmt.Fprintf(w, ", for %s by now\n", span(l.Took))
	}
	fmt.Fprintf(w, "  from    %s, session %d", origin(l.Peer), l.Session)
	if !strings.HasPrefix(l.Peer, l.Identity) { // otherwise it is known by its address only
		fmt.Fprintf(w, ", %s", plain(l.Identity))
	}
	fmt.Fprintln(w)
	if l.Link != "" {
		fmt.Fprintf(w, "  to      %s\n", plain(l.Link))
	}
	fmt.Fprintf(w, "  at      %s\n\n", l.Began.Local().Format("2006-01-02 15:04:05.000"))
	for _, e := range l.Events {
		fmt.Fprintf(w, "  +%s\t%s\t%s\n", span(e.After), plain(e.State), plain(e.What))
	}
	for _, n := range l.Notices {
		fmt.Fprintf(w, "\nThe client was told: %s (%s), %s\n", plain(n.Class), plain(n.Cause), plain(n.Text))
		reasons(w, "  ", n.Reasons, n.More)
	}
}

// reasons prints why something was refused, each reason in a line.
func reasons(w io.Writer, indent string, list []gateway.ReasonView, more int) {
	for _, r := range list {
		fmt.Fprint(w, indent)
		if r.Path != "" {
			fmt.Fprintf(w, "%s: ", plain(r.Path))
		}
		switch {
		case r.Say != "":
			fmt.Fprint(w, plain(r.Say))
		case r.Want != "" && r.Got != "":
			fmt.Fprintf(w, "want %s, got %s", plain(r.Want), plain(r.Got))
		case r.Want != "":
			fmt.Fprintf(w, "want %s", plain(r.Want))
		default:
			fmt.Fprintf(w, "got %s", cell(r.Got))
		}
		fmt.Fprintf(w, " (rule %s", strings.TrimPrefix(cell(r.Rule), "rule "))
		if r.Offset != nil {
			fmt.Fprintf(w, ", at byte %d", *r.Offset)
		}
		fmt.Fprintln(w, ")")
	}
	if more > 0 {
		fmt.Fprintf(w, "%sand %d more\n", indent, more)
	}
}

func newRefusalsCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "refusals",
		Short: "Show the last requests that a gateway that runs has refused, and why",
		Long: `Refusals shows the last requests that were refused, the newest first, with the reasons that
their clients were told: which place in the message, which rule, and what was wanted.
Of what was sent it shows nothing. The gateway knows the last few hundred.`,
		Example: `  sallyport refusals -c sallyport.yaml --limit 10`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct {
				Refusals  []gateway.RefusalView
				Truncated bool
			}
			return t.show(cmd, t.path("refusals"), &list, func(w io.Writer) {
				if len(list.Refusals) == 0 {
					fmt.Fprintln(w, "no request was refused lately")
				}
				for _, r := range list.Refusals {
					what := fmt.Sprint("request ", r.ID)
					if r.ID == 0 {
						what = fmt.Sprint("client ", r.Session)
					}
					fmt.Fprintf(w, "%s  %s on route %s, from %s: %s (%s)\n", r.At.Local().Format("15:04:05.000"), what, plain(r.Route), origin(r.Peer), plain(r.Class), plain(r.Cause))
					reasons(w, "    ", r.Reasons, r.More)
				}
				truncated(w, list.Truncated)
			})
		},
	}
	t.listFlags(cmd, true)
	return cmd
}
