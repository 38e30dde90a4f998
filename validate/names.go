package validate

import (
	"errors"

	"github.com/sallyport/sallyport/protocol"
)

// names is a list of operations that are offered, or that are not.
type names struct {
	list  map[string]struct{}
	allow bool
	want  string
}

func (k *compiler) allow(list []string, class protocol.Class) engine {
	if len(list) == 0 {
		k.bad("allow", errors.New("the list is empty: nothing would pass"))
	}
	return &names{list: set(list), allow: true, want: wantName(class)}
}

func (k *compiler) deny(list []string, class protocol.Class) engine {
	if len(list) == 0 {
		k.bad("deny", errors.New("the list is empty: it denies nothing"))
	}
	return &names{list: set(list), want: wantName(class)}
}

func wantName(class protocol.Class) string {
	if class == protocol.Denied {
		return "an operation that is allowed"
	}
	return "an operation that is offered here"
}

func (n *names) check(c *Checker, m *protocol.Message) {
	if _, ok := n.list[string(m.Name)]; ok != n.allow {
		got := "another"
		if len(m.Name) == 0 {
			got = "nothing"
		}
		c.report(finding{cause: protocol.BadName, off: -1, want: n.want, got: got})
	}
}
