package validate

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// bounds are Limits that can be carried out.
type bounds struct {
	Limits
	get                               protocol.Getter // nil: only the message as a whole
	bytes, depth, items, length, path string
}

func (k *compiler) limits(in *Limits) engine {
	b := &bounds{Limits: *in, path: in.Path}
	for _, l := range []struct {
		key string
		n   int
	}{{"bytes", in.Bytes}, {"depth", in.Depth}, {"items", in.Items}, {"length", in.Length}} {
		if l.n < 0 {
			k.bad("limits."+l.key, fmt.Errorf("%d is negative", l.n))
		}
	}
	inside := in.Depth != 0 || in.Items != 0 || in.Length != 0
	switch {
	case !inside && in.Bytes == 0:
		k.bad("limits", errors.New("there is no limit in it"))
	case !inside && in.Path != "":
		k.bad("limits.path", errors.New("it is for depth, items and length, and there is none of them"))
	case inside && !k.traits.JSON:
		k.bad("limits", fmt.Errorf("depth, items and length are for JSON, and protocol %s has no JSON values", k.traits.Name))
	case inside:
		if b.path == "" {
			b.path = k.traits.Content
		}
		b.get = k.getter("limits.path", b.path)
	}
	b.bytes = "a message of at most " + strconv.Itoa(in.Bytes) + " bytes"
	b.depth = "a nesting of at most " + strconv.Itoa(in.Depth)
	b.items = "at most " + strconv.Itoa(in.Items) + " parts"
	b.length = "text of at most " + strconv.Itoa(in.Length) + " bytes"
	return b
}

func (b *bounds) check(c *Checker, m *protocol.Message) {
	if n := len(m.Frame) + int(m.Rest); b.Bytes > 0 && n > b.Bytes {
		c.report(finding{cause: protocol.TooLarge, off: -1, key: "bytes", want: b.bytes, got: strconv.Itoa(n) + " bytes"})
	}
	if b.get == nil {
		return
	}
	v, ok := b.get(m)
	if !ok {
		return
	}
	w := sizer{scan: scan{data: v.Raw}, b: b, depthAt: -1, itemsAt: -1, lengthAt: -1}
	w.value(1)
	for _, f := range [...]struct {
		at             int
		key, want, got string
	}{
		{w.depthAt, "depth", b.depth, "more"}, {w.itemsAt, "items", b.items, "more"}, {w.lengthAt, "length", b.length, "more"},
	} {
		if f.at >= 0 {
			c.report(finding{cause: protocol.TooLarge, path: b.path, off: v.Off + f.at, key: f.key, want: f.want, got: f.got})
		}
	}
}

// sizer finds the first place where each limit is exceeded.
type sizer struct {
	scan
	b                          *bounds
	depthAt, itemsAt, lengthAt int
}

// value is past the value that begins here. Its nesting is bounded by the limit, or else
// by the codec's own.
func (s *sizer) value(depth int) {
	s.space()
	at := s.pos
	switch s.peek() {
	case '"':
		if n := len(s.str()) - 2; s.b.Length > 0 && n > s.b.Length && s.lengthAt < 0 {
			s.lengthAt = at
		}
	case '{', '[':
		if s.b.Depth > 0 && depth > s.b.Depth {
			if s.depthAt < 0 {
				s.depthAt = at
			}
			s.skip()
			return
		}
		s.pos++
		s.parts(at, depth)
	default:
		s.scalar()
	}
}

func (s *sizer) parts(at, depth int) {
	n := 0
	for s.space(); s.pos < len(s.data); s.space() {
		switch s.peek() {
		case ']', '}':
			s.pos++
			return
		case ',':
			s.pos++
			continue
		}
		if n++; s.b.Items > 0 && n > s.b.Items && s.itemsAt < 0 {
			s.itemsAt = at
		}
		s.value(depth + 1)
		if s.space(); s.peek() == ':' {
			s.pos++
			s.value(depth + 1)
		}
	}
}
