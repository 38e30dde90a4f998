package jsonrpc

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

// Options are the dialect. The zero value is JSON-RPC 2.0 in lines.
type Options struct {
	Framing       frame.Options  `json:"framing" doc:"One of the presets lines, content-length, length4 and json, or any other that frame can declare. The default is lines."`
	Codes         map[string]int `json:"codes" doc:"Replaces error codes. A key is a class of notice ('later') or, before it, a cause ('busy')."`
	WaitMethod    string         `json:"wait_method" doc:"The method of the wait notice. The default is '$/accepted'."`
	ShowDenied    bool           `json:"show_denied" doc:"Tells a client that it may not call a method. Otherwise it hears the same as for a method that does not exist."`
	AllowReserved bool           `json:"allow_reserved" doc:"Lets methods pass that begin with 'rpc.', which section 4 reserves."`
	DropMembers   bool           `json:"drop_members" doc:"Leaves out members of a client's envelope that the specification does not name, instead of refusing the message."`
	NoBatch       bool           `json:"no_batch" doc:"Refuses batches."`
	MaxID         int            `json:"max_id" doc:"The greatest length of an id in bytes, quotes included. The default is 256."`
}

// Codec is JSON-RPC 2.0 in one framing. It is immutable and safe for concurrent use.
type Codec struct {
	framing  frame.Framing
	limits   protocol.Limits
	opts     Options
	codes    [protocol.NumClasses][numCauses]int
	seed     maphash.Seed
	scanners sync.Pool // of *scanner
}

var (
	_ protocol.Codec    = (*Codec)(nil)
	_ protocol.Rewriter = (*Codec)(nil)
	_ protocol.Batching = (*Codec)(nil)
)

// tickets is how many integers every backend can tell apart, even one that reads an id
// as a double.
const tickets = 1 << 53

// New returns the Codec that o describes. The error names every mistake in o.
func New(o Options, limits protocol.Limits) (*Codec, error) {
	limits = limits.WithDefaults()
	if o.WaitMethod == "" {
		o.WaitMethod = "$/accepted"
	}
	if o.MaxID == 0 {
		o.MaxID = 256
	}
	c := &Codec{limits: limits, opts: o, seed: maphash.MakeSeed()}
	c.opts.Codes = nil // the caller's; codes has them
	c.scanners.New = func() any { return new(scanner) }

	var errs []error
	if o.MaxID < 16 {
		errs = append(errs, fmt.Errorf("max_id: %d is less than the 16 bytes of a ticket", o.MaxID))
	}
	if limits.Frame < 0 || limits.Frame > 1<<30 {
		errs = append(errs, fmt.Errorf("limits.frame: %d is not between 1 and 1073741824", limits.Frame))
	}
	if limits.Depth < 0 || limits.Depth > 10_000 {
		errs = append(errs, fmt.Errorf("limits.depth: %d is not between 1 and 10000", limits.Depth))
	}
	if limits.Items < 0 {
		errs = append(errs, fmt.Errorf("limits.items: %d is negative", limits.Items))
	}
	errs = append(errs, c.setCodes(o.Codes))

	if reflect.ValueOf(o.Framing).IsZero() {
		if err := json.Unmarshal([]byte(`"lines"`), &o.Framing); err != nil {
			errs = append(errs, fmt.Errorf("framing: %w", err))
		}
	}
	var err error
	if c.framing, err = frame.New(o.Framing, limits); err != nil {
		errs = append(errs, fmt.Errorf("framing: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// Traits tells that tickets are integers below 2^53 and that every class has words.
func (c *Codec) Traits() protocol.Traits {
	t := protocol.Traits{
		Name:    "jsonrpc",
		Modes:   []protocol.Mode{protocol.Rewrite, protocol.Exclusive},
		Tickets: tickets,
		Batches: !c.opts.NoBatch,
		Wait:    protocol.Interim,
		JSON:    true,
		Content: "/params",
	}
	for class := range t.Says {
		t.Says[class] = true
	}
	return t
}

// Split finds the first frame by the framing alone; it does not look at JSON-RPC.
func (c *Codec) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	return c.framing.Split(data, atEOF, r)
}

// OpenFrame appends what comes before a body. Head is of no use to JSON-RPC itself.
func (c *Codec) OpenFrame(dst, head []byte) []byte { return c.framing.Open(dst, head) }

// CloseFrame completes the frame that OpenFrame began when dst had length start.
func (c *Codec) CloseFrame(dst []byte, start int) ([]byte, error) {
	return c.framing.Close(dst, start)
}

// setCodes fills the table of error codes: a cause before a class, both before the defaults.
func (c *Codec) setCodes(own map[string]int) error {
	known := make(map[string]bool)
	for class := range protocol.Class(protocol.NumClasses) {
		known[class.String()] = true
		for cause := range protocol.Cause(numCauses) {
			known[cause.String()] = true
			code := causeCodes[cause]
			if code == 0 {
				code = classCodes[class]
			}
			if class == protocol.Denied && c.opts.ShowDenied {
				code = codeDenied
			}
			if n, ok := own[class.String()]; ok {
				code = n
			}
			if n, ok := own[cause.String()]; ok {
				code = n
			}
			c.codes[class][cause] = code
		}
	}
	var errs []error
	for name := range own {
		if !known[name] {
			errs = append(errs, fmt.Errorf("codes: %q is no class and no cause of a notice", name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
