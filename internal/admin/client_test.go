package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/gateway"
)

func TestAClientAndItsServer(t *testing.T) {
	g := &fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{route("wards", 1)}}}
	path := "unix:" + filepath.Join(t.TempDir(), "admin")
	listen(t, path, g)
	tcp, err := Listen(Options{Listen: "127.0.0.1:0", Token: full}, g)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	for name, c := range map[string]*Client{"unix": NewClient(path, ""), "tcp": NewClient(tcp.Addr().String(), full)} {
		data, err := c.Get(t.Context(), "/v1/exchanges/7")
		var life gateway.ExchangeLife
		if err != nil || json.Unmarshal(data, &life) != nil || life.ID != 7 {
			t.Errorf("%s: got %s, %v", name, data, err)
		}
		if data, err := c.Post(t.Context(), "/v1/routes/wards/pause", nil); err != nil || !strings.Contains(string(data), "is paused") {
			t.Errorf("%s: got %s, %v", name, data, err)
		}
		if _, err := c.Get(t.Context(), "/v1/exchanges/9"); err == nil || !strings.Contains(err.Error(), "request 9 is not known") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := NewClient(tcp.Addr().String(), "").Get(t.Context(), "/v1/status"); err == nil || !strings.Contains(err.Error(), "admin.token") {
		t.Errorf("got %v", err)
	}
}

// What answers may be anything, and a token goes nowhere else.
func TestAClientOfSomethingElse(t *testing.T) {
	var leaked string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked = r.Header.Get("Authorization") }))
	defer other.Close()
	answer := func(http.ResponseWriter, *http.Request) {}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer s.Close()
	c := NewClient(s.Listener.Addr().String(), full)
	for want, f := range map[string]http.HandlerFunc{
		"is not JSON":            func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"is this the admin":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"302 Found: is this the": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
	} {
		answer = f
		if _, err := c.Get(t.Context(), "/v1/status"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if leaked != "" {
		t.Error("the token went elsewhere")
	}
	if _, err := NewClient("127.0.0.1:1", full).Get(t.Context(), "/v1/status"); err == nil || !strings.Contains(err.Error(), "Does the gateway run") || strings.Contains(err.Error(), full) {
		t.Errorf("got %v", err)
	}
}
