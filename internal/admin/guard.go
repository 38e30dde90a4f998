package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// guard lets those ask who may. Over a Unix socket, which belongs to one user, that is everybody. Over TCP whoever has no
// token reads, if none is wanted; a page of another site in somebody's browser never gets here.
type guard struct {
	options *Options
	unix    bool
	audit   auditor
}

// role is what somebody may do.
type role uint8

const (
	nobody role = iota
	reader
	operator
)

// need is what a path is for. What has no state of the gateway in it is for everybody: it is asked for before there can be a token.
func (g *guard) need(r *http.Request) role {
	p := r.URL.Path
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead, strings.HasPrefix(p, "/debug/"):
		return operator
	case p == "/metrics" && !g.options.OpenMetrics, strings.HasPrefix(p, "/v1/"):
		return reader
	}
	return nobody
}

// who returns what somebody may do, and as whom.
func (g *guard) who(r *http.Request) (role, string) {
	if g.unix {
		if uid, ok := r.Context().Value(userKey{}).(int); ok {
			return operator, fmt.Sprintf("unix socket, user %d", uid)
		}
		return operator, "unix socket"
	}
	token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	full := equal(token, g.options.Token)
	read := equal(token, g.options.ReadToken)
	switch {
	case sent && full:
		return operator, r.RemoteAddr + " with the token"
	case sent && read:
		return reader, r.RemoteAddr + " with the token for reading"
	case g.options.Token == "":
		return reader, r.RemoteAddr
	}
	return nobody, r.RemoteAddr
}

// userKey is where a request has the user who sent it over a Unix socket.
type userKey struct{}

// remember notes who is at the other end of conn.
func remember(ctx context.Context, conn net.Conn) context.Context {
	if g, ok := conn.(*guestConn); ok {
		if uid, known := userOf(g.Conn); known {
			return context.WithValue(ctx, userKey{}, uid)
		}
	}
	return ctx
}

// equal takes as long for every token. What is not set is equal to none.
func equal(token, want string) bool {
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}

// over lets next answer what may be asked.
func (g *guard) over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		may, who := g.who(r)
		if wrong := g.wrong(r, may); wrong != nil {
			if wrong.status == http.StatusUnauthorized {
				h.Set("WWW-Authenticate", `Bearer realm="sallyport"`)
			}
			g.audit.say(Audit{Who: who, What: deed(r), Result: wrong.Error, Denied: true})
			say(w, wrong.status, wrong)
			return
		}
		if g.need(r) != operator {
			next.ServeHTTP(w, r)
			return
		}
		heard := &listener{ResponseWriter: w}
		next.ServeHTTP(heard, r)
		g.audit.say(Audit{Who: who, What: deed(r), Result: heard.result()})
	})
}

// deed is what was asked for, as it may stand in a log.
func deed(r *http.Request) string { return fmt.Sprintf("%s %.200q", r.Method, r.URL.Path) }

// wrong says why r is not answered, or nil.
func (g *guard) wrong(r *http.Request, may role) *trouble {
	need := g.need(r)
	switch {
	case !g.unix && !loopback(r.Host):
		// A page of another site that has its name point here (DNS rebinding) asks for that name.
		return &trouble{http.StatusForbidden, "ask for localhost or 127.0.0.1: this listener does not answer to other names"}
	case need == operator && foreign(r):
		return &trouble{http.StatusForbidden, "this comes from a page of another site, which may change nothing here"}
	case need > may && may == nobody:
		return &trouble{http.StatusUnauthorized, "this needs the token of admin.token: send it as Authorization: Bearer TOKEN"}
	case need > may && g.options.Token == "":
		return &trouble{http.StatusForbidden, "over TCP nothing is changed without a token: set admin.token in the configuration, or have admin.listen be a Unix socket"}
	case need > may:
		return &trouble{http.StatusForbidden, "this token is for reading only"}
	case r.Method == http.MethodPost && !isJSON(r):
		return &trouble{http.StatusUnsupportedMediaType, "want Content-Type: application/json"}
	}
	return nil
}

// loopback reports whether a Host header names this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// foreign reports whether a browser says that r is of a page that did not come from here.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none"
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// listener hears what was answered.
type listener struct {
	http.ResponseWriter
	status int
	text   []byte
}

func (l *listener) WriteHeader(status int) {
	l.status = status
	l.ResponseWriter.WriteHeader(status)
}

// Write keeps the beginning.
func (l *listener) Write(p []byte) (int, error) {
	if room := 300 - len(l.text); room > 0 {
		l.text = append(l.text, p[:min(room, len(p))]...)
	}
	return l.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (l *listener) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *listener) result() string {
	status := l.status
	if status == 0 {
		status = http.StatusOK
	}
	if l.Header().Get("Content-Type") != "application/json" {
		return http.StatusText(status)
	}
	return fmt.Sprintf("%d %s", status, strings.Join(strings.Fields(string(l.text)), " "))
}

// auditor writes down so much that a flood of wrong tokens does not fill a disk: what was changed always, what was denied
// so often in a second.
type auditor struct {
	to func(Audit)

	mu     sync.Mutex
	second time.Time
	n      int
	missed int
}

const deniedPerSecond = 5

func (a *auditor) say(line Audit) {
	if a.to == nil || line.Denied && !a.counts() {
		return
	}
	line.Missed = a.left()
	a.to(line)
}

// counts reports whether one more may be written.
func (a *auditor) counts() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); now.Sub(a.second) >= time.Second {
		a.second, a.n = now, 0
	}
	a.n++
	if a.n > deniedPerSecond {
		a.missed++
		return false
	}
	return true
}

func (a *auditor) left() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.missed
	a.missed = 0
	return n
}
