package gateway

import (
	"fmt"
	"strings"

	"github.com/looplab/fsm"
)

// The states and events of a client connection.
const (
	SessionGreeting = "greeting"
	SessionServing  = "serving"
	SessionCarrying = "carrying"
	SessionDraining = "draining"
	SessionClosed   = "closed"

	sessionAdmit   = "admit"
	sessionCarry   = "carry"
	sessionCarried = "carried"
	sessionDrain   = "drain"
	sessionClose   = "close"
)

// SessionTable is the machine of a client connection. It is greeting until it belongs
// to its shard, carrying while the tunnel moves the body of a request, and draining once
// no more requests are taken and open ones are answered.
var SessionTable = fsm.Events{
	{Name: sessionAdmit, Src: []string{SessionGreeting}, Dst: SessionServing},
	{Name: sessionCarry, Src: []string{SessionServing}, Dst: SessionCarrying},
	{Name: sessionCarried, Src: []string{SessionCarrying}, Dst: SessionServing},
	{Name: sessionDrain, Src: []string{SessionServing}, Dst: SessionDraining},
	{Name: sessionClose, Src: []string{SessionGreeting, SessionServing, SessionCarrying, SessionDraining}, Dst: SessionClosed},
}

// The states and events of a backend connection.
const (
	BackendIdle       = "idle"
	BackendDialing    = "dialing"
	BackendSigningOn  = "signing-on"
	BackendReady      = "ready"
	BackendCarrying   = "carrying"
	BackendDraining   = "draining"
	BackendBackingOff = "backing-off"
	BackendClosed     = "closed"

	backendDial    = "dial"
	backendConnect = "connect"
	backendSignOn  = "sign-on"
	backendCarry   = "carry"
	backendCarried = "carried"
	backendDrain   = "drain"
	backendLose    = "lose"
	backendRest    = "rest"
	backendClose   = "close"
)

// BackendTable is the machine of a backend connection, over all its generations: it is
// dialled again after each loss, and rests while an operator has its backend disabled. A protocol without sign-on passes signing-on at once.
var BackendTable = fsm.Events{
	{Name: backendDial, Src: []string{BackendIdle, BackendBackingOff}, Dst: BackendDialing},
	{Name: backendConnect, Src: []string{BackendDialing}, Dst: BackendSigningOn},
	{Name: backendSignOn, Src: []string{BackendSigningOn}, Dst: BackendReady},
	{Name: backendCarry, Src: []string{BackendReady}, Dst: BackendCarrying},
	{Name: backendCarried, Src: []string{BackendCarrying}, Dst: BackendReady},
	{Name: backendLose, Src: []string{BackendDialing, BackendSigningOn, BackendReady, BackendCarrying}, Dst: BackendBackingOff},
	{Name: backendDrain, Src: []string{BackendReady, BackendCarrying}, Dst: BackendDraining},
	{Name: backendRest, Src: []string{BackendDraining}, Dst: BackendIdle},
	{Name: backendClose, Src: []string{BackendIdle, BackendDialing, BackendSigningOn, BackendReady, BackendCarrying, BackendDraining, BackendBackingOff}, Dst: BackendClosed},
}

// backendStates are in the order of a life.
var backendStates = []string{BackendIdle, BackendDialing, BackendSigningOn, BackendReady, BackendCarrying, BackendDraining, BackendBackingOff, BackendClosed}

// The states and events of a request.
const (
	ExchangeReceived  = "received"
	ExchangeRefused   = "refused"
	ExchangeVerified  = "verified"
	ExchangeQueued    = "queued"
	ExchangeForwarded = "forwarded"
	ExchangeWaiting   = "waiting"
	ExchangeAnswering = "answering"
	ExchangeAnswered  = "answered"
	ExchangeExpired   = "expired"
	ExchangeFailed    = "failed"
	ExchangeAbandoned = "abandoned"

	exchangeRefuse  = "refuse"
	exchangeVerify  = "verify"
	exchangeQueue   = "queue"
	exchangeForward = "forward"
	exchangeWait    = "wait"
	exchangePart    = "part"
	exchangeAnswer  = "answer"
	exchangeExpire  = "expire"
	exchangeFail    = "fail"
	exchangeAbandon = "abandon"
)

// ExchangeTable is the machine of a request. It is queued while it waits for room,
// waiting once the client has heard a wait notice, and answering between the first
// part of its result and the last.
var ExchangeTable = fsm.Events{
	{Name: exchangeVerify, Src: []string{ExchangeReceived}, Dst: ExchangeVerified},
	{Name: exchangeRefuse, Src: []string{ExchangeReceived, ExchangeVerified, ExchangeQueued}, Dst: ExchangeRefused},
	{Name: exchangeQueue, Src: []string{ExchangeVerified}, Dst: ExchangeQueued},
	{Name: exchangeForward, Src: []string{ExchangeVerified, ExchangeQueued}, Dst: ExchangeForwarded},
	{Name: exchangeWait, Src: []string{ExchangeForwarded}, Dst: ExchangeWaiting},
	{Name: exchangePart, Src: []string{ExchangeForwarded, ExchangeWaiting}, Dst: ExchangeAnswering},
	{Name: exchangeAnswer, Src: []string{ExchangeForwarded, ExchangeWaiting, ExchangeAnswering}, Dst: ExchangeAnswered},
	{Name: exchangeExpire, Src: []string{ExchangeForwarded, ExchangeWaiting, ExchangeAnswering}, Dst: ExchangeExpired},
	{Name: exchangeFail, Src: []string{ExchangeForwarded, ExchangeWaiting, ExchangeAnswering}, Dst: ExchangeFailed},
	{Name: exchangeAbandon, Src: []string{ExchangeVerified, ExchangeQueued, ExchangeForwarded, ExchangeWaiting, ExchangeAnswering}, Dst: ExchangeAbandoned},
}

// Diagram draws one of the three machines, "session", "backend" or "exchange", as
// "mermaid" or "graphviz" text.
func Diagram(machine, format string) (string, error) {
	start, table := "", fsm.Events(nil)
	switch machine {
	case "session":
		start, table = SessionGreeting, SessionTable
	case "backend":
		start, table = BackendIdle, BackendTable
	case "exchange":
		start, table = ExchangeReceived, ExchangeTable
	default:
		return "", fmt.Errorf("there is no machine %q; there are session, backend and exchange", machine)
	}
	kind := fsm.VisualizeType("")
	switch format {
	case "mermaid":
		kind = fsm.MermaidStateDiagram
	case "graphviz":
		kind = fsm.GRAPHVIZ
	default:
		return "", fmt.Errorf("there is no format %q; there are mermaid and graphviz", format)
	}
	text, err := fsm.VisualizeWithType(fsm.NewFSM(start, table, nil), kind)
	if kind == fsm.MermaidStateDiagram {
		// Mermaid takes no hyphen in the name of a state, only in its own words.
		text = strings.NewReplacer("stateDiagram-v2", "stateDiagram-v2", "-->", "-->", "-", "_").Replace(text)
	}
	return text, err
}
