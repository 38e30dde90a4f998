package iso8583

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// Options say how a host writes its messages, and what sallyport says in its name.
type Options struct {
	Framing     frame.Options     `json:"framing" doc:"What stands before each message: the name of a preset, such as bin2 (the default), ascii4, nac or vap, or a declaration."`
	Dialect     dialect.Ref       `json:"dialect" doc:"How the fields are written: the name of a dialect that is built in (1987-ascii is the default), a file, or a declaration."`
	Key         []int             `json:"key" doc:"The fields by which an answer is found to belong to a request, beside version and class of the message type. The default is 11 and 41."`
	KeyFunction bool              `json:"key_function" doc:"Has requests and advices apart, too, where a terminal gives them the same numbers."`
	Echo        []int             `json:"echo" doc:"The fields of a request that a notice gives back, where they are there. The default is 3, 4, 7, 11, 12, 13, 32, 37, 41, 42 and 49; of 1993 24 too, and 70 for network management."`
	Reason      int               `json:"reason" doc:"The field in which a notice says what is wrong and where. The default is 44; -1 is none."`
	Codes       map[string]string `json:"codes" doc:"Replaces response codes (field 39). A key is a class of notice ('later') or, before it, a cause ('busy'), or, before both, a field that is wrong ('DE4'); an empty text says nothing."`
	Network     map[string]string `json:"network" doc:"What network management is answered with, by the code in field 70 (1993: the function in field 24); an empty text is not answered. Sign-on, sign-off and echo test are approved if this is left out; everything else is refused."`
	SignOn      map[string]string `json:"sign_on" doc:"Fields of a sign-on that each connection to the backend begins with: { '70': '001', '33': '500001' }. Fields 7 and 11 are filled in. Left out: there is none."`
	EchoTest    map[string]string `json:"echo_test" doc:"Fields of the echo test with which backend.probe asks. The default is { '70': '301' }, of 1993 { '24': '831' }."`
	Rules       Rules             `json:"rules" doc:"What the messages of terminals must meet beside being whole."`
	Reversal    Reversal          `json:"reversal" doc:"Takes back from the host what nobody knows the outcome of. Left out: nothing is."`
	Repeats     string            `json:"repeats" enum:"join|in-progress" doc:"What a request hears that is sent again while it is open: join, which is the default, the answer of the first; in-progress, at once that it is in process (09, of 1993 923). Many terminals take any response for the final one."`
	Advices     string            `json:"advices" doc:"What becomes of an advice (0x20): forward, which is the default, has the host answer it as a request. promise, that sallyport answers it at once and keeps it until the host has it, needs the journal."`
}

// Numbers of fields that the codec itself looks at.
const (
	deTime     = 7
	deSTAN     = 11
	deFunction = 24 // 1993
	deCode     = 39
	deTerminal = 41
	deNetwork  = 70 // 1987
)

// New returns the Codec that o describes. The error names every mistake in o.
func New(o Options, limits protocol.Limits) (*Codec, error) {
	c := &Codec{keyFunction: o.KeyFunction, reason: o.Reason}
	m := &mistakes{}
	if o.Framing.Kind == "" && o.Framing.Preset == "" {
		o.Framing.Preset = "bin2"
	}
	var err error
	if c.framing, err = frame.New(o.Framing, limits); err != nil {
		m.bad("framing", "%w", err)
	} else if e, ok := c.framing.(interface{ Echoes() bool }); ok {
		c.echoes = e.Echoes()
	}
	c.base1 = o.Framing.Block == "base1" || o.Framing.Preset == "vap" && o.Framing.Block == ""
	d, err := o.Dialect.Resolve()
	if err != nil {
		m.bad("dialect", "%w", err)
		return nil, errors.Join(m.errs...)
	}
	c.setDialect(d)
	c.key = c.list(m, "key", o.Key, deSTAN, deTerminal)
	if !slices.Contains(c.key, deSTAN) && len(c.key) > 0 {
		c.stan = 0 // nothing that could be rewritten names a request
	}
	c.setEcho(m, &o)
	if c.fields[deCode] == nil || c.fields[deCode].Digits > 0 {
		m.bad("dialect", "it has no field 39 of a fixed length, without which there is no answer")
	} else {
		c.setCodes(m, o.Codes)
		c.setNetwork(m, o.Network)
	}
	c.signOn = c.presets(m, "sign_on", o.SignOn)
	if c.approved = editions[c.edition].approved; c.approved == "" {
		c.approved = o.Network[o.SignOn[strconv.Itoa(c.network)]]
	}
	if c.approved == "" && len(c.signOn) > 0 {
		m.bad("sign_on", "network must say what code approves it, as this edition has none that is known here")
	}
	if o.EchoTest == nil && c.fields[c.network] != nil {
		o.EchoTest = map[string]string{"24": "831"}
		if c.edition == '0' {
			o.EchoTest = map[string]string{"70": "301"}
		}
	}
	c.echoTest = c.presets(m, "echo_test", o.EchoTest)
	c.setRules(m, &o.Rules)
	c.setReversal(m, &o.Reversal)
	if c.tells = o.Repeats == "in-progress"; !c.tells && o.Repeats != "" && o.Repeats != "join" {
		m.bad("repeats", "%q is neither join nor in-progress", o.Repeats)
	}
	switch o.Advices {
	case "", "forward":
	case "promise":
		// Here the journal will stand: an advice is answered when it is on stable storage, and forwarded from there.
		m.bad("advices", "to answer an advice before the host has it is a promise, which needs a journal, and there is none yet; use forward")
	default:
		m.bad("advices", "%q is neither forward nor promise", o.Advices)
	}
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// mistakes are the errors of a configuration, each beginning with its path.
type mistakes struct{ errs []error }

func (m *mistakes) bad(path, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(path+": "+format, args...))
}

func (c *Codec) setDialect(d *dialect.Dialect) {
	c.dialect = d
	c.edition = byte('0')
	switch d.Version {
	case 1993:
		c.edition = '1'
	case 2003:
		c.edition = '2'
	}
	c.fields = make([]*field, max(129, len(d.Fields)))
	for n, f := range d.Fields {
		if f != nil {
			c.fields[n] = compile(f, n, "DE"+strconv.Itoa(n))
		}
	}
	c.absent = slices.Repeat([]protocol.Span{{Off: -1}}, len(c.fields))
	if f := c.fields[deSTAN]; f != nil && f.Digits == 0 && f.Type == dialect.N && (f.Length == 6 || f.Length == 12) {
		c.stan = f.Length
	}
	c.network = deNetwork
	if d.Version != 1987 {
		c.network = deFunction
	}
}

// list is a list of fields in a configuration, each of which the dialect must have.
func (c *Codec) list(m *mistakes, path string, list []int, otherwise ...int) []int {
	if list == nil {
		list = slices.DeleteFunc(slices.Clone(otherwise), func(n int) bool {
			return c.fields[n] == nil || c.fields[n].Secret
		})
	}
	for i, n := range list {
		if n >= 2 && n < len(c.fields) && c.fields[n] != nil && c.fields[n].Secret {
			m.bad(fmt.Sprintf("%s[%d]", path, i), "field %d (%s) is secret: it stands in no notice and in no key", n, c.fields[n].Name)
		}
		if n < 2 || n >= len(c.fields) || c.fields[n] == nil {
			m.bad(fmt.Sprintf("%s[%d]", path, i), "the dialect has no field %d", n)
		}
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func (c *Codec) setEcho(m *mistakes, o *Options) {
	if c.reason == 0 && c.fields[44] != nil {
		c.reason = 44
	}
	usual := []int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49}
	if c.edition != '0' {
		usual = append(usual, deFunction)
	}
	network := []int{7, 11, 12, 32, 33, 37, 41, 42, c.network}
	own := func(n int) bool { return n == deCode || n == c.reason }
	c.echo = c.list(m, "echo", o.Echo, slices.DeleteFunc(usual, own)...)
	c.echoNetwork = c.list(m, "echo", nil, slices.DeleteFunc(network, own)...)
	if c.reason > 0 && (c.reason >= len(c.fields) || c.fields[c.reason] == nil || c.fields[c.reason].chars&letter == 0 || c.fields[c.reason].Secret) {
		m.bad("reason", "the dialect has no field %d that holds text", c.reason)
	}
	for _, n := range c.echo {
		if own(n) {
			m.bad("echo", "field %d is the notice's own", n)
		}
	}
}

// presets reads fields that the configuration fills.
func (c *Codec) presets(m *mistakes, path string, fields map[string]string) (list []preset) {
	for key, text := range fields {
		n, err := strconv.Atoi(key)
		if err != nil || n < 2 || n >= len(c.fields) || c.fields[n] == nil {
			m.bad(path+"["+key+"]", "the dialect has no such field")
			continue
		}
		if _, err := c.fields[n].appendContent(nil, []byte(text)); err != nil {
			m.bad(path+"["+key+"]", "want %s, as %s has them", wanted[c.fields[n].Type], c.fields[n].Form())
		}
		list = append(list, preset{n, []byte(text)})
	}
	slices.SortFunc(list, func(a, b preset) int { return a.n - b.n })
	return list
}

// preset is a field that the configuration fills.
type preset struct {
	n    int
	text []byte
}
