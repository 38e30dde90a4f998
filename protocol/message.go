package protocol

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
	// SignOn is traffic of the connection itself: sign-on, echo, sign-off.
	SignOn
	// Batch holds several messages; the codec's Batching takes it apart.
	Batch
)

var kindNames = [...]string{"unknown", "request", "one-way", "response", "progress", "keepalive", "sign-on", "batch"}

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
