package gateway

import "strconv"

// link names a connection to a backend in one word, so that an exchange need not keep it alive: which upstream of the route,
// and which of its connections. 0 is none.
type link uint32

const (
	linkBits = 20      // of the number of the connection
	linkOwn  = 1 << 31 // it is a client's own
)

func (b *Backend) link() link {
	l := link(b.up.n+1)<<linkBits | link(b.n)&(1<<linkBits-1)
	if b.owns != nil {
		l |= linkOwn
	}
	return l
}

// names returns the backend's name and that of the connection, which is empty for none.
func (r *route) linkNames(l link) (backend, connection string) {
	i := int(l&^linkOwn>>linkBits) - 1
	if i < 0 || i >= len(r.upstreams) {
		return "", ""
	}
	backend = r.upstreams[i].conf.Name
	connection = backend + "#" + strconv.Itoa(int(l&(1<<linkBits-1)))
	if l&linkOwn != 0 {
		connection += " own"
	}
	return backend, connection
}

// relink notes that x goes to another backend connection than was thought.
func (s *Session) relink(x *exchange, to link) {
	if to == 0 || x.track.link == to {
		return
	}
	h := s.vc.Lock()
	defer h.Unlock()
	x.track.link = to
}
