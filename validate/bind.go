package validate

import (
	"errors"

	"github.com/sallyport/sallyport/protocol"
)

// bind is a Bind that can be carried out.
type bind struct {
	path string
	get  protocol.Getter
	own  map[string]map[string]struct{} // by identity
}

// anyValue in a list stands for all.
const anyValue = "*"

func (k *compiler) bind(in *Bind) engine {
	b := &bind{path: in.Path, get: k.getter("bind.path", in.Path), own: map[string]map[string]struct{}{}}
	if len(in.To) == 0 {
		k.bad("bind.to", errors.New("nobody is listed: nothing would pass"))
	}
	for identity, values := range in.To {
		if identity == "" {
			k.bad("bind.to", errors.New("an identity is empty: that is a client of whom nothing is known"))
		}
		b.own[identity] = set(values)
	}
	return b
}

// check tells neither whose the value is nor what its client may use.
func (b *bind) check(c *Checker, m *protocol.Message) {
	v, ok := b.get(m)
	if !ok || v.Type == protocol.Missing {
		return
	}
	own := b.own[m.Identity]
	_, all := own[anyValue]
	if _, yes := own[string(v.Text)]; !yes && !all {
		c.report(finding{path: b.path, off: v.Off, want: "a value that is this client's own", got: "another's"})
	}
}
