package admin

import (
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"sync"
)

// mostConnections and mostAtOnce bound what a storm of those who ask can cost the gateway: the rest of them wait, or come again.
const (
	mostConnections = 128
	mostAtOnce      = 16
)

// narrow is a listener that accepts no more while there are as many connections as may be.
type narrow struct {
	net.Listener
	room chan struct{}
}

func (n *narrow) Accept() (net.Conn, error) {
	n.room <- struct{}{}
	for {
		conn, err := n.Listener.Accept()
		if err != nil {
			<-n.room
			return nil, err
		}
		if !welcome(conn) {
			_ = conn.Close()
			continue
		}
		return &guestConn{Conn: conn, leave: sync.OnceFunc(func() { <-n.room })}, nil
	}
}

// welcome reports whether conn is of the user of the program, or of root, as far as that is known: between its making and the
// change of its mode anybody may have connected to a socket.
func welcome(conn net.Conn) bool {
	uid, known := userOf(conn)
	return !known || uid == 0 || uid == os.Geteuid()
}

// guestConn is a connection that gives its place back when it is closed.
type guestConn struct {
	net.Conn
	leave func()
}

func (c *guestConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// busy turns away what comes while too much is being answered, but for whether the process lives.
func busy(next http.Handler) http.Handler {
	room := make(chan struct{}, mostAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			next.ServeHTTP(w, r)
			return
		}
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			say(w, http.StatusServiceUnavailable, &trouble{0, "too many ask at once: come again in a second"})
		}
	})
}

// profiles has the program profiled.
func profiles(m *http.ServeMux) {
	m.HandleFunc("GET /debug/pprof/", pprof.Index)
	m.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
