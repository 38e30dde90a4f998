package gateway

import (
	"math"
	"time"

	"github.com/looplab/fsm"

	"github.com/sallyport/sallyport/protocol"
)

// What a Gateway tells of its connections and requests, one by one. Nothing in it is out of a message: names are of the
// configuration and of the program, a peer is where a connection comes from, and reasons are what its client was told.

// SessionView is one client connection.
type SessionView struct {
	ID       uint64    `json:"id,string"`
	Route    string    `json:"route"`
	Peer     string    `json:"peer"`
	Identity string    `json:"identity,omitempty"`
	State    string    `json:"state"` // of SessionTable; of a relay opening, dialing or open
	Began    time.Time `json:"began"`
	Age      float64   `json:"age_ms"`
	Received uint64    `json:"received"` // requests; with those of the last moment missing, maybe
	Refused  uint64    `json:"refused"`
	Open     int       `json:"open"`    // requests that are not answered
	Strikes  int       `json:"strikes"` // refusals in a row
	Queued   int       `json:"queued_bytes"`
}

// BackendView is one backend.
type BackendView struct {
	Route     string         `json:"route"`
	Name      string         `json:"name"`
	Address   string         `json:"address,omitempty"`
	Circuit   string         `json:"circuit"`
	Admin     string         `json:"admin"` // enabled, draining or disabled
	Links     map[string]int `json:"links"`
	Tx        uint64         `json:"tx"`
	Rx        uint64         `json:"rx"`
	Pending   int64          `json:"pending"`
	Expired   uint64         `json:"expired"`
	Lost      uint64         `json:"lost"`
	Dials     uint64         `json:"dials"`
	LastError string         `json:"last_error,omitempty"` // why a connection was lost, or could not be made
}

// ExchangeView is one request: one that waits for room, one that a backend has, or one that is over.
type ExchangeView struct {
	ID      uint64    `json:"id,string"`
	Route   string    `json:"route"`
	Session uint64    `json:"session,string"`
	Peer    string    `json:"peer"`
	Backend string    `json:"backend,omitempty"`
	Link    string    `json:"link,omitempty"`
	State   string    `json:"state"`
	Began   time.Time `json:"began"`
	Age     float64   `json:"age_ms"`
	Waited  bool      `json:"waited"` // its client has heard a wait notice
}

// ExchangeLife is what became of one request, step by step.
type ExchangeLife struct {
	ID       uint64       `json:"id,string"`
	Route    string       `json:"route"`
	Session  uint64       `json:"session,string"`
	Peer     string       `json:"peer"`
	Identity string       `json:"identity,omitempty"`
	Backend  string       `json:"backend,omitempty"`
	Link     string       `json:"link,omitempty"`
	State    string       `json:"state"`
	Over     bool         `json:"over"`
	Joined   bool         `json:"joined,omitempty"` // it repeated an open request, and shared the answer
	Began    time.Time    `json:"began"`
	Took     float64      `json:"took_ms"` // until now, if it is not over
	Events   []LifeEvent  `json:"events"`
	Notices  []LifeNotice `json:"notices"`
}

// LifeEvent is one step of a request, by ExchangeTable.
type LifeEvent struct {
	At    time.Time `json:"at"`
	After float64   `json:"after_ms"`
	Event string    `json:"event"`
	State string    `json:"state"` // after it
	What  string    `json:"what"`  // for a person
}

// LifeNotice is what a client was told about its request by the gateway.
type LifeNotice struct {
	At      time.Time    `json:"at"`
	Class   string       `json:"class"`
	Cause   string       `json:"cause"`
	Text    string       `json:"text"` // of the cause, for a person
	Reasons []ReasonView `json:"reasons,omitempty"`
	More    int          `json:"more_reasons,omitempty"` // reasons that were not kept
}

// RefusalView is one request that was refused, or a client of a relay, which has no ID.
type RefusalView struct {
	ID       uint64       `json:"id,string"` // as of an exchange; 0: none
	At       time.Time    `json:"at"`
	Route    string       `json:"route"`
	Session  uint64       `json:"session,string"`
	Peer     string       `json:"peer"`
	Identity string       `json:"identity,omitempty"`
	Class    string       `json:"class"`
	Cause    string       `json:"cause"`
	Text     string       `json:"text"` // of the cause, for a person
	Reasons  []ReasonView `json:"reasons"`
	More     int          `json:"more_reasons,omitempty"` // reasons that were not kept
}

// ReasonView is one thing that was wrong with a request: where, by which rule, and what was wanted instead.
type ReasonView struct {
	Path   string `json:"path"` // in the protocol's notation; "" is the message as a whole
	Rule   string `json:"rule"`
	Want   string `json:"want,omitempty"`
	Got    string `json:"got,omitempty"` // the kind of thing, not its value
	Say    string `json:"say,omitempty"` // the operator's words, which the client is told in place of want and got
	Offset *int   `json:"offset,omitempty"`
}

// Latency is how long answers took, from the request's coming until its answer's. Each value is at most an eighth too great.
type Latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Most  float64 `json:"max_ms"`
}

// States are how many there are of each state, of the three machines.
type States struct {
	Session  map[string]int `json:"session"`
	Exchange map[string]int `json:"exchange"`
	Backend  map[string]int `json:"backend"`
}

// MachineView is a machine's table.
type MachineView struct {
	States      []string     `json:"states"`
	Transitions []Transition `json:"transitions"`
}

// Transition is one arrow of a machine.
type Transition struct {
	Event string `json:"event"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Machines returns the three tables that run, by name, the states of each in the order of a life.
func Machines() map[string]MachineView {
	return map[string]MachineView{
		"session":  machineView(SessionTable, sessionMachine.states),
		"exchange": machineView(ExchangeTable, exchangeMachine.states),
		"backend":  machineView(BackendTable, backendStates),
	}
}

func machineView(table fsm.Events, states []string) MachineView {
	v := MachineView{States: states}
	for _, e := range table {
		for _, from := range e.Src {
			v.Transitions = append(v.Transitions, Transition{e.Name, from, e.Dst})
		}
	}
	return v
}

// instant is t as others are told it, to the millisecond.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// millis is d as others are told it, to the microsecond.
func millis(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

func viewReasons(list []protocol.Reason) []ReasonView {
	views := make([]ReasonView, 0, len(list))
	for i := range list {
		r := &list[i]
		v := ReasonView{Path: r.Path, Rule: r.Rule, Want: r.Want, Got: r.Got, Say: r.Say}
		if r.Off >= 0 {
			off := r.Off
			v.Offset = &off
		}
		views = append(views, v)
	}
	return views
}
