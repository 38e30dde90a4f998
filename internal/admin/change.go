package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/gateway"
)

// done is the answer to what was changed.
type done struct {
	Done string `json:"done"`
}

// changes registers what can be changed. Who asks may: the guard has seen to that.
func (a *api) changes(m *http.ServeMux) {
	change := func(path string, do func(r *http.Request) (string, error)) {
		m.HandleFunc("POST /v1/"+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
			text, err := do(r)
			if err != nil {
				say(w, statusOf(err), &trouble{0, err.Error()})
				return
			}
			say(w, http.StatusOK, done{text})
		})
	}
	change("sessions/{id}/kick", func(r *http.Request) (string, error) {
		id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
		if err != nil {
			return "", errors.New("an id is a number, as /v1/sessions has them")
		}
		return fmt.Sprintf("session %d is ended", id), a.g.Kick(id)
	})
	change("routes/{name}/pause", func(r *http.Request) (string, error) {
		name := r.PathValue("name")
		return fmt.Sprintf("route %s is paused: its clients hear that they are to come again later", name), a.g.Pause(name)
	})
	change("routes/{name}/resume", func(r *http.Request) (string, error) {
		name := r.PathValue("name")
		return fmt.Sprintf("route %s goes on", name), a.g.Resume(name)
	})
	for verb, duty := range map[string]gateway.Duty{"drain": gateway.Draining, "disable": gateway.Disabled, "enable": gateway.Enabled} {
		change("backends/{route}/{name}/"+verb, func(r *http.Request) (string, error) {
			route, name := r.PathValue("route"), r.PathValue("name")
			return fmt.Sprintf("backend %s of route %s is %v", name, route, duty), a.g.Assign(route, name, duty)
		})
	}
	if a.options.Level != nil {
		change("log", a.level)
	}
	if reload := a.options.Reload; reload != nil {
		m.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, _ *http.Request) {
			what, err := reload()
			if err != nil {
				say(w, http.StatusUnprocessableEntity, &trouble{0, err.Error()})
				return
			}
			say(w, http.StatusOK, what)
		})
	}
}

// levelFor is how long another level of the log holds if nothing is said, and at most.
const (
	levelFor  = 10 * time.Minute
	levelMost = 24 * time.Hour
)

func (a *api) level(r *http.Request) (string, error) {
	var want struct {
		Level string `json:"level"`
		For   *int64 `json:"for_ms"`
	}
	if err := read(r, &want); err != nil {
		return "", err
	}
	d := levelFor
	if want.For != nil {
		if *want.For <= 0 || *want.For > levelMost.Milliseconds() {
			return "", fmt.Errorf("for_ms: want milliseconds, from 1 to %d", levelMost.Milliseconds())
		}
		d = time.Duration(*want.For) * time.Millisecond
	}
	return fmt.Sprintf("the log has level %s for %v", want.Level, d), a.options.Level(want.Level, d)
}

// read decodes the body.
func read(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("want a JSON object, got nothing")
		}
		return fmt.Errorf("the body cannot be read as JSON: %w", err)
	}
	return nil
}

// statusOf is the status of an error of what was asked for.
func statusOf(err error) int {
	if errors.Is(err, gateway.ErrNotFound) {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}
