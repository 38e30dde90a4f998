package frame

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Options declare a framing. In a configuration they are the name of a preset, as in
// "lines", or an object of these members, which may build on a preset.
type Options struct {
	Preset string `json:"preset,omitempty" doc:"The framing that the other members change."`
	Kind   string `json:"kind,omitempty" doc:"One of length, delimiter, fixed, content-length or json."`

	Lead       Bytes  `json:"lead,omitempty" doc:"Of kind length: what stands before the length field, and must stand there, or (lead_size) bytes of any value that an answer gives back."`
	LeadSize   int    `json:"lead_size,omitempty" doc:"Of kind length: the number of bytes before the length field, whatever they are."`
	Width      int    `json:"width,omitempty" doc:"The width of the length field in bytes."`
	Encoding   string `json:"encoding,omitempty" doc:"How the length is written: bin (the default), ascii, hex, bcd or ebcdic."`
	Order      string `json:"order,omitempty" doc:"The order of bytes in bin: big (the default) or little."`
	Self       bool   `json:"self,omitempty" doc:"Says that the length counts its own field too."`
	Adjust     int    `json:"adjust,omitempty" doc:"Added to the length to get the bytes that follow."`
	Pad        int    `json:"pad,omitempty" doc:"The number of bytes between the length field and the rest."`
	Zero       string `json:"zero,omitempty" doc:"Says what a length of 0 is: reject (the default), ignore or echo a keep-alive."`
	Block      string `json:"block,omitempty" doc:"What stands in front of the body and is answered: tpdu (5 bytes) or base1 (22), both with their addresses exchanged, literal (block_bytes), or regex."`
	BlockBytes Bytes  `json:"block_bytes,omitempty" doc:"The block of a frame that answers nothing; a literal block must equal it."`
	BlockRegex string `json:"block_regex,omitempty" doc:"What a block of kind regex, of block_size bytes, must match."`
	BlockSize  int    `json:"block_size,omitempty" doc:"The bytes of a block of kind regex."`
	Trailer    Bytes  `json:"trailer,omitempty" doc:"Stands behind the body and is counted by the length."`

	Start Bytes `json:"start,omitempty" doc:"Of kind delimiter: what opens a frame, if anything does."`
	End   Bytes `json:"end,omitempty" doc:"Of kind delimiter: what closes a frame, 1 to 4 bytes."`

	Foreign bool `json:"foreign,omitempty" doc:"Of kind delimiter: takes for a frame what looks like the beginning of HTTP, TLS or SSH too, as that is the protocol which is declared."`

	Size int `json:"size,omitempty" doc:"Of kind fixed: the size of every frame in bytes."`

	Max int `json:"max,omitempty" doc:"The greatest frame in bytes, framing included; the route's limit by default."`
}

// Bytes are bytes in a configuration: text as it stands, or hexadecimal digits after "hex:".
type Bytes []byte

// UnmarshalJSON reads text or "hex:1c0d".
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errors.New(`want text, or hexadecimal digits after "hex:"`)
	}
	digits, ok := strings.CutPrefix(text, "hex:")
	if !ok {
		*b = Bytes(text)
		return nil
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		return errors.New(`want pairs of hexadecimal digits after "hex:"`)
	}
	*b = raw
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (b Bytes) MarshalJSON() ([]byte, error) { return json.Marshal("hex:" + hex.EncodeToString(b)) }

// UnmarshalJSON reads the name of a preset, or an object.
func (o *Options) UnmarshalJSON(data []byte) error {
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '"' {
		*o = Options{}
		return json.Unmarshal(data, &o.Preset)
	}
	type plain Options
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var p plain
	if err := dec.Decode(&p); err != nil {
		return err
	}
	if p.Preset != "" {
		base, ok := presets[p.Preset]
		if !ok {
			return unknownPreset(p.Preset)
		}
		preset := p.Preset
		p = plain(base)
		dec = json.NewDecoder(bytes.NewReader(data))
		if err := dec.Decode(&p); err != nil {
			return err
		}
		p.Preset = preset
	}
	*o = Options(p)
	return nil
}

// presets are the framings that have a name in other products.
var presets = map[string]Options{
	"lines":          {Kind: "delimiter", End: Bytes("\n")},
	"crlf":           {Kind: "delimiter", End: Bytes("\r\n")},
	"etx":            {Kind: "delimiter", End: Bytes{0x03}, Max: 4096},
	"mllp":           {Kind: "delimiter", Start: Bytes{0x0B}, End: Bytes{0x1C, 0x0D}},
	"content-length": {Kind: "content-length"},
	"json":           {Kind: "json"},
	"length4":        {Kind: "length", Width: 4},
	"ascii4":         {Kind: "length", Width: 4, Encoding: "ascii", Zero: "ignore"},
	"hex4":           {Kind: "length", Width: 4, Encoding: "hex"},
	"bin2":           {Kind: "length", Width: 2},
	"bin3":           {Kind: "length", Width: 3, Zero: "echo"},
	"bin4":           {Kind: "length", Width: 4},
	"nac":            {Kind: "length", Width: 2, Block: "tpdu", BlockBytes: Bytes{0x60, 0, 0, 0, 0}},
	"bcd2":           {Kind: "length", Width: 2, Encoding: "bcd"},
	"cs":             {Kind: "length", Width: 2, Pad: 2, Zero: "echo"},
	"vap":            {Kind: "length", Width: 2, Pad: 2, Block: "base1", Zero: "echo", Max: 2048},
	"gicc":           {Kind: "length", Lead: Bytes{0, 0}, Width: 2, Zero: "echo"},
	"amex":           {Kind: "length", Width: 2, Self: true, Zero: "ignore"},
	"base24tcp":      {Kind: "length", Width: 2, Trailer: Bytes{0x03}, Zero: "echo"},
}

// Presets returns the names of all presets, sorted.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

func unknownPreset(name string) error {
	return fmt.Errorf("preset: there is no framing %q; there are %s", name, strings.Join(Presets(), ", "))
}

// New returns the Framing that o declares. The error joins every mistake in o, each
// beginning with the name of its member.
func New(o Options, limits protocol.Limits) (Framing, error) {
	limits = limits.WithDefaults()
	if o.Kind == "" {
		base, ok := presets[o.Preset]
		if !ok {
			return nil, unknownPreset(o.Preset)
		}
		base.Preset = o.Preset
		o = overlay(base, o)
	}
	if o.Max == 0 || o.Max > limits.Frame {
		o.Max = limits.Frame
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Max < 0 {
		bad("max: must not be negative")
	}
	foreignMembers(&o, bad)
	var f Framing
	switch o.Kind {
	case "length":
		f = newLength(&o, bad)
	case "delimiter":
		if n := len(o.End); n < 1 || n > 4 {
			bad("end: %d bytes; want 1 to 4", n)
		}
		if n := len(o.Start) + len(o.End); n >= o.Max {
			bad("max: the framing alone has %d bytes, of a frame of %d", n, o.Max)
		}
		f = &delimiter{start: o.Start, end: o.End, foreign: o.Foreign, max: o.Max, lines: len(o.Start) == 0 && string(o.End) == "\n"}
	case "fixed":
		if o.Size < 1 || o.Size > o.Max {
			bad("size: %d bytes; want 1 to %d", o.Size, o.Max)
		}
		f = &fixed{size: o.Size}
	case "content-length":
		f = &contentLength{max: o.Max}
	case "json":
		f = &values{max: o.Max, depth: limits.Depth}
	default:
		bad("kind: there is no %q; there are length, delimiter, fixed, content-length, json", o.Kind)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

// overlay returns base with what o sets.
func overlay(base, o Options) Options {
	to, from := reflect.ValueOf(&base).Elem(), reflect.ValueOf(o)
	for i := range from.NumField() {
		if v := from.Field(i); !v.IsZero() {
			to.Field(i).Set(v)
		}
	}
	return base
}

// foreignMembers reports what is set and is of another kind.
func foreignMembers(o *Options, bad func(string, ...any)) {
	report := func(kind string, members map[string]bool) {
		if o.Kind == kind {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if members[name] {
				bad("%s: belongs to kind %s, and this is %s", name, kind, o.Kind)
			}
		}
	}
	switch o.Kind {
	case "length", "delimiter", "fixed", "content-length", "json":
		report("length", map[string]bool{"lead": len(o.Lead) > 0, "lead_size": o.LeadSize != 0, "width": o.Width != 0, "encoding": o.Encoding != "",
			"order": o.Order != "", "self": o.Self, "adjust": o.Adjust != 0, "pad": o.Pad != 0, "zero": o.Zero != "", "block": o.Block != "",
			"block_bytes": len(o.BlockBytes) > 0, "block_regex": o.BlockRegex != "", "block_size": o.BlockSize != 0, "trailer": len(o.Trailer) > 0})
		report("delimiter", map[string]bool{"start": len(o.Start) > 0, "end": len(o.End) > 0, "foreign": o.Foreign})
		report("fixed", map[string]bool{"size": o.Size != 0})
	}
}

func newLength(o *Options, bad func(string, ...any)) *length {
	l := &length{lead: o.Lead, leadSize: max(o.LeadSize, len(o.Lead)), width: o.Width, self: o.Self, adjust: o.Adjust, pad: o.Pad,
		little: o.Order == "little", trailer: o.Trailer, max: o.Max, blank: o.BlockBytes}
	if len(o.Lead) == 0 {
		l.lead = nil
	}
	encodings := []string{"bin", "ascii", "hex", "bcd", "ebcdic"}
	if o.Encoding == "" {
		o.Encoding = "bin"
	}
	l.encoding = encoding(slices.Index(encodings, o.Encoding))
	if l.encoding < 0 {
		bad("encoding: there is no %q; there are %s", o.Encoding, strings.Join(encodings, ", "))
	}
	if o.Order != "" && o.Order != "big" && o.Order != "little" {
		bad("order: there is no %q; there are big and little", o.Order)
	}
	// As many as a number of 63 bits has; of bin 7 are enough.
	if most := max(map[encoding]int{ascii: 18, ebcdic: 18, hexadecimal: 15, bcd: 9}[l.encoding], 7); o.Width < 1 || o.Width > most {
		bad("width: %d bytes; want 1 to %d", o.Width, most)
	}
	if o.Order != "" && o.Encoding != "bin" {
		bad("order: digits have one order; it is for a length in bin")
	}
	if o.Adjust > o.Max || o.Adjust < -o.Max {
		bad("adjust: %d is more than a frame of %d bytes can have", o.Adjust, o.Max)
	}
	if o.Pad < 0 {
		bad("pad: must not be negative")
	}
	if o.LeadSize < 0 || len(o.Lead) > 0 && o.LeadSize > 0 && o.LeadSize != len(o.Lead) {
		bad("lead_size: give the bytes that stand there or their number, and none that is negative")
	}
	switch o.Zero {
	case "", "reject":
	case "ignore", "echo":
		l.zero, l.echo = true, o.Zero == "echo"
	default:
		bad("zero: there is no %q; there are reject, ignore, echo", o.Zero)
	}
	switch o.Block {
	case "":
	case "tpdu":
		l.block, l.swap = 5, [][3]int{{1, 3, 2}}
	case "base1":
		l.block, l.swap, l.base1 = 22, [][3]int{{5, 8, 3}}, true
		if l.blank == nil {
			l.blank = append([]byte{22, 1, 2}, make([]byte, 19)...)
		}
		o.Max = min(o.Max, 1<<16-1)
		l.max = o.Max
	case "literal":
		l.block, l.literal = len(o.BlockBytes), true
		if l.block == 0 {
			bad("block_bytes: a literal block has at least one")
		}
	case "regex":
		l.block = o.BlockSize
		re, err := regexp.Compile(`^(?:` + o.BlockRegex + `)$`)
		if err != nil {
			bad("block_regex: %w", err)
		}
		l.match = re
		if l.block < 1 {
			bad("block_size: %d bytes; want at least 1", l.block)
		}
	default:
		bad("block: there is no %q; there are tpdu, base1, literal, regex", o.Block)
	}
	if n := len(o.BlockBytes); n > 0 && n != l.block {
		bad("block_bytes: %d bytes, but the block has %d", n, l.block)
	} else if l.match != nil && !l.match.Match(o.BlockBytes) {
		bad("block_bytes: want a block that block_regex matches, for frames that answer nothing")
	}
	if n := l.header() + l.block + len(l.trailer); n >= o.Max {
		bad("max: the framing alone has %d bytes, of a frame of %d", n, o.Max)
	}
	return l
}
