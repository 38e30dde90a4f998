package gateway

import "fmt"

// link names a connection to a backend. It outlives it, so that what is remembered of a request does not keep the connection.
type link struct{ backend, name string }

func newLink(u *upstream, n int, own bool) *link {
	l := &link{u.conf.Name, fmt.Sprintf("%s#%d", u.conf.Name, n)}
	if own {
		l.name += " (own)"
	}
	return l
}

// names returns the backend's name and that of the connection, both empty for none.
func (l *link) names() (backend, connection string) {
	if l == nil {
		return "", ""
	}
	return l.backend, l.name
}

// relink notes that x goes to another backend connection than was thought.
func (s *Session) relink(x *exchange, to *link) {
	if to == nil || x.track.link == to {
		return
	}
	h := s.vc.Lock()
	defer h.Unlock()
	x.track.link = to
}
