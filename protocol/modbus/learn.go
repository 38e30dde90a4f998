package modbus

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// Learn returns who proposes an Access.
func (c *Codec) Learn() protocol.Learner { return &learner{seen: map[use]*extent{}} }

// learner notes which functions were used on which units, and where.
type learner struct {
	seen   map[use]*extent
	values bool
}

type use struct{ unit, fc byte }

// extent is what one function was used for on one unit.
type extent struct {
	requests    int
	read, write list
	min, max    int
	valued      bool
}

func (l *learner) KeepValues() { l.values = true }

func (l *learner) Add(m *protocol.Message) {
	u := use{m.Body[6], m.Body[7]}
	e := l.seen[u]
	if e == nil {
		e = &extent{min: 0xFFFF}
		l.seen[u] = e
	}
	e.requests++
	if addr, qty, ok := reads(m.Body); ok {
		e.read = e.read.add(between{addr, addr + qty - 1})
	}
	addr, qty, at, ok := writes(m.Body)
	if !ok {
		return
	}
	e.write = e.write.add(between{addr, addr + qty - 1})
	for i := 0; at > 0 && i < qty; i++ {
		v := value(m.Body, at, i)
		e.min, e.max, e.valued = min(e.min, v), max(e.max, v), true
	}
}

// AppendOptions appends an access with one entry for each unit and function.
func (l *learner) AppendOptions(dst []byte) []byte {
	dst = append(dst, "access:\n"...)
	var uses []use
	for u := range l.seen {
		uses = append(uses, u)
	}
	slices.SortFunc(uses, func(a, b use) int { return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.fc, b.fc)) })
	for _, u := range uses {
		e := l.seen[u]
		dst = fmt.Appendf(dst, `  - { units: "%d", `, u.unit)
		if e.read != nil && e.write != nil {
			dst = fmt.Appendf(dst, `allow: "%s"`, e.both(u.fc))
		} else {
			dst = fmt.Appendf(dst, `functions: "%d"`, u.fc)
			if all := append(slices.Clone(e.read), e.write...); len(all) > 0 {
				dst = fmt.Appendf(dst, `, ranges: "%s"`, all.text(", "))
			}
		}
		if l.values && e.valued {
			dst = fmt.Appendf(dst, ", min: %d, max: %d", e.min, e.max)
		}
		dst = fmt.Appendf(dst, " }    # %s, %d requests\n", functions[u.fc&0x7f].name, e.requests)
	}
	return dst
}

// both is what a function reads and writes, each range that it reads with each that it writes.
func (e *extent) both(fc byte) string {
	text := ""
	for _, r := range e.read {
		for _, w := range e.write {
			if text != "" {
				text += ","
			}
			text += strconv.Itoa(int(fc)) + "|" + list{r}.text("") + "|" + list{w}.text("")
		}
	}
	return text
}

func (l list) text(comma string) string {
	text := ""
	for i, r := range l {
		if i > 0 {
			text += comma
		}
		text += strconv.Itoa(r.from)
		if r.to > r.from {
			text += "-" + strconv.Itoa(r.to)
		}
	}
	return text
}
