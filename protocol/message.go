package protocol

import "time"

// Message is one whole unit of a protocol, decoded. It is a view: its slices alias
// the frame that it was decoded from, or memory of its own that the next Decode
// into the same Message uses again. Who keeps anything of it copies it.
type Message struct {
	Dir  Direction
	Kind Kind
	// ID names one request among all that its sender has open. It is empty where the
	// protocol has none, or where none could be read.
	ID ID
	// Name is the operation: JSON-RPC method, MTI, MSH-9, function, command. It comes
	// from the wire and is unbounded in number: never a metric label.
	Name []byte
	// Frame is the message as it came, Body the frame less its framing. Of a message
	// that was decoded by DecodeBody both are the body.
	Frame, Body []byte
	// Rest is the number of bytes of the frame that are not in Frame, because the message was decoded from its head alone
	// (see Carrying). Body then ends where the head does.
	Rest int64
	// Head is what the framing of a request says that the framing of its answer must
	// give back, such as a TPDU's addresses. Nil in most protocols.
	Head []byte
	// More is true of a Response that is a part of its result, and not the last one.
	More bool
	// Failed is true of a Response in which the backend itself reports an error.
	Failed bool
	// Tacit is true of a Request that is not answered if all is well, and of a part of a result (More) behind which nothing
	// may follow: when its time is over it ends, and nobody is told.
	Tacit bool
	// Frees is true of a part of a result (More) with which the backend is ready for the next request.
	Frees bool
	// Memo is what the codec remembers of a connection between two of its messages. Who calls Decode sets it before to
	// what was left there with the last message that was accepted, 0 at first.
	Memo uint64
	// Identity is who has sent a Request, as the gateway knows its client: the name in its certificate, or its address. Codecs
	// do not set it; empty: nobody knows.
	Identity string
	// Bind tells which connection to a backend a Request needs.
	Bind Bind
	// Holds is how much longer than others a Request may take to be answered; negative: as long as it likes.
	Holds time.Duration
	// Lane tells apart, of what one backend connection leads to, parts that can be slow or dead by themselves, such as the
	// units behind a Modbus gateway. 0 in protocols without.
	Lane uint32

	// Expect is what the codec wants to know of a Request when its answer comes (see Matching). It is the codec's own.
	Expect uint64

	// Code is for the codec alone: its number of the operation, 0 for none.
	Code int32
	// Spans is for the codec alone: where in Body the parts are that it found.
	Spans []Span
	// Scratch is for the codec alone: bytes that it had to write, such as an unescaped
	// name or a composite key. ID, Name and Head may alias it.
	Scratch []byte
}

// Reset forgets what m says and keeps its memory for the next Decode.
func (m *Message) Reset() {
	*m = Message{Spans: m.Spans[:0], Scratch: m.Scratch[:0]}
}

// Span is a place in a Message's Body: Len bytes from Off on. A Span that was not
// found has a negative Off.
type Span struct{ Off, Len int32 }

// In returns the bytes of s in body, nil if s was not found.
func (s Span) In(body []byte) []byte {
	if s.Off < 0 {
		return nil
	}
	return body[s.Off : s.Off+s.Len]
}

// Direction tells who sent a message.
type Direction uint8

const (
	// FromClient is the way in.
	FromClient Direction = iota
	// FromBackend is the way back.
	FromBackend
)

// String returns "client" or "backend".
func (d Direction) String() string {
	if d == FromClient {
		return "client"
	}
	return "backend"
}

// Bind tells which connection to a backend a request needs.
type Bind uint8

const (
	// Any connection will do, with the requests of other clients before and behind it.
	Any Bind = iota
	// Alone is a request that holds up what is behind it: it has a connection alone until it is answered.
	Alone
	// Own is a request that changes its connection, or that needs one which was changed: the client keeps it.
	Own
	// Parting is Own, and once it is answered the connection is again as any other.
	Parting
)

var bindNames = [...]string{"any", "alone", "own", "parting"}

// String returns the name of b in lower case.
func (b Bind) String() string {
	if int(b) < len(bindNames) {
		return bindNames[b]
	}
	return "invalid"
}

// Kind tells what a message is for.
type Kind uint8

const (
	// Unknown is what could not be told apart. It is never forwarded.
	Unknown Kind = iota
	// Request expects one answer.
	Request
	// OneWay expects none, not even an error.
	OneWay
	// Response is an answer to a Request, or a part of it (see Message.More).
	Response
	// Progress is a backend's own "in progress" for a Request. It is never final.
	Progress
	// Keepalive says only that the peer lives.
	Keepalive
	// SignOn is traffic of the connection itself: sign-on, echo.
	SignOn
	// SignOff is the last that a client sends. It is answered as SignOn is, and then the connection is closed.
	SignOff
	// Push is what a backend sends unasked to the client whose own the connection is. On any other it is dropped.
	Push
	// Batch holds several messages; the codec's Batching takes it apart.
	Batch
)

var kindNames = [...]string{"unknown", "request", "one-way", "response", "progress", "keepalive", "sign-on", "sign-off", "push", "batch"}

// String returns the name of k in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// ID names a request, in the bytes that stand in the frame: a JSON-RPC id keeps its
// quotes, so that 1, 1.0 and "1" differ. In mode Key it is the normalised key that
// the codec made. An empty ID is none.
type ID []byte
