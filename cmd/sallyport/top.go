package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/admin"
)

func newTopCommand() *cobra.Command {
	var t target
	var once bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch a gateway that runs",
		Long: `Top shows, again and again, what each route does: how many requests came, were refused,
were answered and failed in each second, how many are in flight or wait for room, and how
long answers took in the last minute; then the backends, and what was refused last.
Control-C ends it.

With --once, or if the standard output is no terminal, it looks for one interval, prints
that and ends.`,
		Example: `  sallyport top -c sallyport.yaml
  sallyport top --admin 127.0.0.1:9901 --once --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return usageError{fmt.Errorf("--interval: want at least 100ms, got %v", every)}
			}
			c, err := t.client()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			v := viewer{client: c, every: every}
			out := cmd.OutOrStdout()
			if !once && !t.json {
				if rows, ok := terminal(out); ok {
					return v.watch(ctx, out, rows)
				}
			}
			return v.print(ctx, out, t.json)
		},
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&once, "once", false, "print once, and end")
	cmd.Flags().DurationVar(&every, "interval", time.Second, "how often to look")
	return cmd
}

// viewer looks at a gateway again and again.
type viewer struct {
	client *admin.Client
	every  time.Duration
	last   *glance
}

// glance is what is seen at one moment.
type glance struct {
	at       time.Time
	status   admin.Status
	routes   []admin.RouteView
	backends []gateway.BackendView
	refusals []gateway.RefusalView
}

// Sight is what is printed: what has happened between two glances, and what is now.
type Sight struct {
	At       time.Time             `json:"at"`
	Interval float64               `json:"interval_ms"`
	Status   admin.Status          `json:"status"`
	Routes   []RouteSight          `json:"routes"`
	Backends []gateway.BackendView `json:"backends"`
	Refusals []gateway.RefusalView `json:"refusals"` // the last few
}

// RouteSight is one route: what happened in each second, and what is now. Of a relay, requests are clients.
type RouteSight struct {
	Name     string          `json:"name"`
	Protocol string          `json:"protocol"`
	Paused   bool            `json:"paused"`
	Clients  int             `json:"clients"`
	Received float64         `json:"received_per_s"`
	Refused  float64         `json:"refused_per_s"`
	Answered float64         `json:"answered_per_s"`
	Failed   float64         `json:"failed_per_s"` // expired and abandoned too
	InFlight int64           `json:"in_flight"`
	Queued   int64           `json:"queued"`
	Latency  gateway.Latency `json:"latency"`
}

// look asks the gateway.
func (v *viewer) look(ctx context.Context) (*glance, error) {
	g := &glance{at: time.Now()}
	var snapshot struct{ Routes []admin.RouteView }
	var backends struct{ Backends []gateway.BackendView }
	var refusals struct{ Refusals []gateway.RefusalView }
	for path, into := range map[string]any{"/v1/status": &g.status, "/v1/snapshot": &snapshot, "/v1/backends": &backends, "/v1/refusals?limit=10": &refusals} {
		data, err := v.client.Get(ctx, path)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return nil, fmt.Errorf("the answer cannot be read; is the gateway of another version? %w", err)
		}
	}
	g.routes, g.backends, g.refusals = snapshot.Routes, backends.Backends, refusals.Refusals
	return g, nil
}

// see looks, and returns what has happened since it looked the last time.
func (v *viewer) see(ctx context.Context) (*Sight, error) {
	g, err := v.look(ctx)
	if err != nil {
		return nil, err
	}
	was := v.last
	v.last = g
	if was == nil {
		was = g
	}
	seconds := g.at.Sub(was.at).Seconds()
	s := &Sight{At: g.at.UTC().Truncate(time.Millisecond), Interval: float64(g.at.Sub(was.at).Milliseconds()), Status: g.status, Backends: g.backends, Refusals: g.refusals, Routes: []RouteSight{}}
	before := map[string]tally{}
	for i := range was.routes {
		before[was.routes[i].Name] = tallyOf(&was.routes[i])
	}
	for i := range g.routes {
		r := &g.routes[i]
		now := tallyOf(r)
		then, there := before[r.Name]
		if !there || then.received > now.received { // it is new, or the gateway was started again
			then = now
		}
		rate := func(now, then uint64) float64 {
			if seconds <= 0 || now < then {
				return 0
			}
			return float64(now-then) / seconds
		}
		s.Routes = append(s.Routes, RouteSight{Name: r.Name, Protocol: r.Protocol, Paused: r.Paused, Clients: r.Clients,
			Received: rate(now.received, then.received), Refused: rate(now.refused, then.refused), Answered: rate(now.answered, then.answered), Failed: rate(now.failed, then.failed),
			InFlight: now.inFlight, Queued: now.queued, Latency: r.Latency})
	}
	return s, nil
}

// tally is the counters of a route that are shown.
type tally struct {
	received, refused, answered, failed uint64
	inFlight, queued                    int64
}

func tallyOf(r *admin.RouteView) tally {
	if r.Relay == nil {
		c := &r.Counters
		return tally{c.Received, c.Refused, c.Answered, c.Failed + c.Expired + c.Abandoned, c.InFlight, c.Queued}
	}
	t := tally{received: r.Relay.Accepted, inFlight: int64(r.Relay.Open), queued: int64(r.Relay.Waiting)}
	for _, n := range r.Relay.Refused {
		t.refused += n
	}
	for how, n := range r.Relay.Ended {
		if how == "done" {
			t.answered += n
		} else {
			t.failed += n
		}
	}
	return t
}

// print looks for one interval, and prints what was seen.
func (v *viewer) print(ctx context.Context, w io.Writer, asJSON bool) error {
	if _, err := v.see(ctx); err != nil {
		return err
	}
	t := time.NewTimer(v.every)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-t.C:
	}
	s, err := v.see(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		data, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return printJSON(w, data)
	}
	_, err = io.WriteString(w, s.text())
	return err
}

// What a terminal is told: another screen without a cursor and without wrapping, and back; to the upper left corner; to
// forget the rest of the line, and of the screen.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// watch shows what is seen until ctx is done. If the gateway is gone it says so, and waits until it is back.
func (v *viewer) watch(ctx context.Context, w io.Writer, rows func() int) error {
	if _, err := v.see(ctx); err != nil {
		return err
	}
	if _, err := io.WriteString(w, enterScreen); err != nil {
		return err
	}
	defer func() { _, _ = io.WriteString(w, leaveScreen) }()
	t := time.NewTicker(v.every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		s, err := v.see(ctx)
		text := ""
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			v.last = nil
			text = "The gateway cannot be asked; trying again.\n\n" + plain(err.Error()) + "\n"
		} else {
			text = s.text()
		}
		if err := paint(w, text, rows()); err != nil {
			return err
		}
	}
}

// paint puts text over what is on the screen, in one write, so that nothing flickers.
func paint(w io.Writer, text string, rows int) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if rows > 0 && len(lines) > rows {
		lines = lines[:rows]
	}
	_, err := io.WriteString(w, home+strings.Join(lines, clearLine+"\r\n")+clearLine+clearRest)
	return err
}

// text is s for a person.
func (s *Sight) text() string {
	var b bytes.Buffer
	state := "serves"
	if s.Status.Draining {
		state = "is draining"
	}
	fmt.Fprintf(&b, "sallyport %s %s, for %s; %d goroutines, %.1f MiB", plain(s.Status.Version), state, span(float64(s.Status.Uptime)), s.Status.Memory.Goroutines, float64(s.Status.Memory.Heap)/(1<<20))
	if s.Status.Panics > 0 {
		fmt.Fprintf(&b, "; %d panics", s.Status.Panics)
	}
	fmt.Fprint(&b, "\n\n")
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ROUTE\tCLIENTS\tRECEIVED/s\tREFUSED/s\tANSWERED/s\tFAILED/s\tIN FLIGHT\tQUEUED\tP50\tP99\tMAX\t")
	for i := range s.Routes {
		r := &s.Routes[i]
		name := cell(r.Name)
		if r.Paused {
			name += " (paused)"
		}
		times := "-\t-\t-"
		if l := &r.Latency; l.Count > 0 {
			times = span(l.P50) + "\t" + span(l.P99) + "\t" + span(l.Most)
		}
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t%d\t%s\t\n", name, r.Clients, r.Received, r.Refused, r.Answered, r.Failed, r.InFlight, r.Queued, times)
	}
	_ = w.Flush() // into memory
	fmt.Fprintln(&b)
	w = tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "BACKEND\tADMIN\tCIRCUIT\tCONNECTIONS\tPENDING\tEXPIRED\tLOST")
	for i := range s.Backends {
		k := &s.Backends[i]
		fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%d\t%d\t%d\n", cell(k.Route), cell(k.Name), cell(k.Admin), cell(k.Circuit), states(k.Links), k.Pending, k.Expired, k.Lost)
	}
	_ = w.Flush()
	if len(s.Refusals) > 0 {
		fmt.Fprint(&b, "\nREFUSED LAST\n")
	}
	for i := range s.Refusals {
		r := &s.Refusals[i]
		fmt.Fprintf(&b, "%s  %d  %s  %s  %s", r.At.Local().Format("15:04:05"), r.ID, cell(r.Route), cell(r.Peer), plain(r.Cause))
		if len(r.Reasons) > 0 {
			var one strings.Builder
			reasons(&one, "", r.Reasons[:1], 0)
			fmt.Fprintf(&b, "  %s", strings.TrimSpace(one.String()))
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// terminal reports whether w is one, and returns what tells how many lines it has, 0 if nobody knows.
func terminal(w io.Writer) (rows func() int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return nil, false
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("TERM") == "dumb" {
		return nil, false
	}
	if _, known := rowsOf(f); !known { // such as /dev/null
		return nil, false
	}
	return func() int {
		n, _ := rowsOf(f)
		return n
	}, true
}
