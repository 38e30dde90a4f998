package resp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Options are the dialect. The zero value is RESP2 with the commands of Redis 7 that can do others no harm.
type Options struct {
	Version  int               `json:"version" doc:"The version that is spoken with the backends, 2 or 3. With 3 a client that has not asked for it (HELLO 3) gets answers in version 2. The default is 2."`
	Inline   bool              `json:"inline" doc:"Takes commands that are a line of words, as a person at a terminal types them."`
	Unknown  string            `json:"unknown" enum:"refuse|pass" doc:"What becomes of commands that are not in the table: refuse, which is the default, or pass."`
	Commands map[string]string `json:"commands" doc:"Replaces what becomes of a command ('CONFIG GET'): shared, own, alone, local, or refused."`
	Allow    []string          `json:"allow" doc:"The only commands that pass."`
	Deny     []string          `json:"deny" doc:"Commands that do not pass."`
	Keys     []KeyRule         `json:"keys" doc:"Which keys commands may name. Of the rules for a command one must hold."`
	MaxArgs  int               `json:"max_args" doc:"The greatest number of arguments. The default is 65536."`
	MaxArg   int               `json:"max_arg" doc:"The greatest length of an argument in bytes. The default is what fits a frame."`
	Username string            `json:"username" doc:"Who the gateway is to the backends."`
	Password string            `json:"password" doc:"The password for the backends; write ${file:/path} to keep it out of this file."`
	Database int               `json:"database" doc:"The database that connections to the backends select."`
}

// KeyRule says which keys commands may name.
type KeyRule struct {
	Commands []string `json:"commands" doc:"The commands that it is about. Left out: all."`
	Pattern  string   `json:"pattern" doc:"What a key must match: * stands for any bytes, ? for one, [a-z] for one of these."`
	Observe  bool     `json:"observe" doc:"Only counts and logs what it would refuse."`
}

// Codec is RESP. It is immutable and safe for concurrent use.
type Codec struct {
	opts     Options
	limits   protocol.Limits
	commands map[string]*command
	allowed  map[string]bool // nil: all
	keys     []keyRule
	known    []known // by code
	lookup   lookup
	greeting []byte
	greets   []string // what each part of the greeting is
}

type keyRule struct {
	commands map[string]bool // nil: all
	pattern  pattern
	observe  bool
}

var (
	_ protocol.Codec       = (*Codec)(nil)
	_ protocol.Sessioning  = (*Codec)(nil)
	_ protocol.Greeting    = (*Codec)(nil)
	_ protocol.Matching    = (*Codec)(nil)
	_ protocol.Remembering = (*Codec)(nil)
	_ protocol.Policing    = (*Codec)(nil)
	_ protocol.Keyed       = (*Codec)(nil)
)

// Limits that a route may replace.
const (
	defaultItems   = 1 << 20 // elements of one array
	defaultMaxArgs = 1 << 16
)

// New returns the Codec that o describes. The error names every mistake in o.
func New(o Options, limits protocol.Limits) (*Codec, error) {
	if limits.Items == 0 {
		limits.Items = defaultItems
	}
	c := &Codec{opts: o, limits: limits.WithDefaults(), commands: map[string]*command{}}
	if c.opts.Version == 0 {
		c.opts.Version = 2
	}
	if c.opts.MaxArgs == 0 {
		c.opts.MaxArgs = defaultMaxArgs
	}
	maps.Copy(c.commands, table)

	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.opts.Version != 2 && c.opts.Version != 3 {
		bad("version: %d is neither 2 nor 3", o.Version)
	}
	if o.Unknown != "" && o.Unknown != "refuse" && o.Unknown != "pass" {
		bad("unknown: %q is neither refuse nor pass", o.Unknown)
	}
	if limits.Frame < 0 || limits.Frame > 1<<30 {
		bad("limits.frame: %d is not between 1 and 1073741824", limits.Frame)
	}
	for _, n := range []struct {
		name string
		v    int
	}{{"max_args", o.MaxArgs}, {"max_arg", o.MaxArg}, {"database", o.Database}, {"limits.depth", limits.Depth}, {"limits.items", limits.Items}} {
		if n.v < 0 {
			bad("%s: %d is negative", n.name, n.v)
		}
	}
	if o.Username != "" && o.Password == "" {
		bad("username: there is no password with it")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Commands)) {
		c.replace(name, o.Commands[name], bad)
	}
	c.allow(bad)
	for i, k := range o.Keys {
		if k.Pattern == "" {
			bad("keys[%d].pattern: there must be one", i)
		}
		c.keys = append(c.keys, keyRule{c.named(fmt.Sprintf("keys[%d].commands", i), k.Commands, bad), newPattern(k.Pattern), k.Observe})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.index()
	c.greet()
	return c, nil
}

// replace gives the command called name another place, and its subcommands too.
func (c *Codec) replace(name, where string, bad func(string, ...any)) {
	to, ok := places[where]
	if !ok {
		bad("commands: %q is no place for %s: there are %s", where, name, strings.Join(slices.SortedFunc(maps.Keys(places), cmp.Compare), ", "))
		return
	}
	name = strings.ToUpper(name)
	if c.commands[name] == nil {
		bad("commands: there is no command %q", name)
		return
	}
	for other, cmd := range c.commands {
		if other != name && !strings.HasPrefix(other, name+" ") {
			continue
		}
		if why := cmd.cannot(to); why != "" {
			bad("commands: %s %s", other, why)
			return
		}
		changed := *cmd
		changed.place = to
		c.commands[other] = &changed
	}
}

// allow notes which commands may pass.
func (c *Codec) allow(bad func(string, ...any)) {
	c.allowed = c.named("allow", c.opts.Allow, bad)
	for name := range c.named("deny", c.opts.Deny, bad) {
		if c.allowed == nil {
			c.allowed = map[string]bool{}
			for other := range c.commands {
				c.allowed[other] = true
			}
		}
		delete(c.allowed, name)
	}
}

// named returns the set of the commands that names are, with their subcommands. It is nil if there are none.
func (c *Codec) named(option string, names []string, bad func(string, ...any)) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	set := map[string]bool{}
	for _, name := range names {
		name = strings.ToUpper(name)
		if c.commands[name] == nil {
			bad("%s: there is no command %q", option, name)
			continue
		}
		for other := range c.commands {
			if other == name || strings.HasPrefix(other, name+" ") {
				set[other] = true
			}
		}
	}
	return set
}
