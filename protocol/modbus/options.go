package modbus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Options are what is allowed, and the dialect. The zero value lets every function pass but the diagnostics of serial lines.
type Options struct {
	Access      []Access       `json:"access" doc:"What may be asked for: a request must meet one of these. Left out: every function but the diagnostics of serial lines, everywhere."`
	Unit0       string         `json:"unit0" enum:"device|refuse" doc:"What unit 0 is: a device as any other, which is the default, or refused, because a serial line behind the backend takes it for a broadcast."`
	MaxRead     int            `json:"max_read" doc:"The greatest number of registers in a read that sallyport itself makes of several. The default is 125."`
	MaxReadBits int            `json:"max_read_bits" doc:"The same for coils and discrete inputs. The default is 2000."`
	Codes       map[string]int `json:"codes" doc:"Replaces exception codes. A key is a class of notice ('later') or, before it, a cause ('busy'); 0 says nothing."`
}

// Access lets requests pass. Lists are numbers and ranges of numbers, as in '1, 3-9'; numbers may be decimal or, after 0x,
// hexadecimal.
type Access struct {
	Name      string `json:"name" doc:"Shown in the log."`
	Units     string `json:"units" doc:"The units that it is about. Left out: all."`
	Allow     string `json:"allow" doc:"Functions, each with the addresses that it may read, and for those that read and write with those that it may write: '1|128-255,23|512-1023|2048-2051,42'."`
	Functions string `json:"functions" doc:"Functions, in place of allow."`
	Ranges    string `json:"ranges" doc:"The addresses that these may read or write. Left out: all."`
	Min       *int   `json:"min" doc:"The least value that may be written. If it is negative values are read as signed."`
	Max       *int   `json:"max" doc:"The greatest value that may be written."`
	Observe   bool   `json:"observe" doc:"What none of the others lets pass, but this one does not either, is only counted and logged."`
}

// New returns the Codec that o describes. The error names every mistake in o.
func New(o Options, limits protocol.Limits) (*Codec, error) {
	c := &Codec{opts: o}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if limits.Frame != 0 && limits.Frame < maxADU {
		bad("limits.frame: a frame has up to %d bytes", maxADU)
	}
	if o.Unit0 != "" && o.Unit0 != "device" && o.Unit0 != "refuse" {
		bad("unit0: %q is neither device nor refuse", o.Unit0)
	}
	for _, n := range []struct {
		name string
		v    *int
		most int
	}{{"max_read", &c.opts.MaxRead, maxReadRegs}, {"max_read_bits", &c.opts.MaxReadBits, maxReadBits}} {
		if *n.v == 0 {
			*n.v = n.most
		}
		if *n.v < 1 || *n.v > n.most {
			bad("%s: %d is not between 1 and %d", n.name, *n.v, n.most)
		}
	}
	for i := range o.Access {
		r, err := newRule(&o.Access[i])
		if err != nil {
			bad("access[%d].%w", i, err)
			continue
		}
		c.access = append(c.access, r)
	}
	if err := c.setCodes(o.Codes); err != nil {
		errs = append(errs, err)
	}
	c.opts.Access, c.opts.Codes = nil, nil // the caller's
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// between is numbers from one to another.
type between struct{ from, to int }

// list is a set of numbers. A nil list has all.
type list []between

func (l list) has(n int) bool { return l.covers(n, 1) }

// covers reports whether all of n numbers from first on are in l, whose ranges are sorted and do not touch.
func (l list) covers(first, n int) bool {
	if l == nil {
		return true
	}
	for _, r := range l {
		if first >= r.from && first+n-1 <= r.to {
			return true
		}
	}
	return false
}

// parseList reads '1, 3-9' of numbers up to most.
func parseList(text string, most int) (list, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var l list
	for _, word := range strings.Split(text, ",") {
		r, err := parseBetween(word, most)
		if err != nil {
			return nil, err
		}
		l = l.add(r)
	}
	return l, nil
}

func parseBetween(word string, most int) (between, error) {
	first, last, isRange := strings.Cut(strings.TrimSpace(word), "-")
	from, err := number(first, most)
	if err != nil {
		return between{}, err
	}
	to := from
	if isRange {
		if to, err = number(last, most); err != nil {
			return between{}, err
		}
	}
	if to < from {
		return between{}, fmt.Errorf("%s ends before it begins", strings.TrimSpace(word))
	}
	return between{from, to}, nil
}

func number(text string, most int) (int, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 0, 32)
	if err != nil || int(n) > most {
		return 0, fmt.Errorf("%q is no number up to %d", strings.TrimSpace(text), most)
	}
	return int(n), nil
}

// add joins r with what it touches.
func (l list) add(r between) list {
	kept := list{}
	for _, o := range l {
		switch {
		case o.to+1 < r.from:
			kept = append(kept, o)
		case r.to+1 < o.from:
			kept = append(kept, r)
			r = o
		default:
			r = between{min(o.from, r.from), max(o.to, r.to)}
		}
	}
	return append(kept, r)
}
