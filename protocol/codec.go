package protocol

import "time"

// Codec is one application protocol in one dialect and framing. It is immutable
// after construction and safe for concurrent use.
//
// A message is encoded in two steps, its body between OpenFrame and CloseFrame, so
// that a body can go into a frame or, with others, into a batch.
type Codec interface {
	// Traits tells what the protocol can say. It never changes.
	Traits() Traits

	// Split finds the first frame of data, as a bufio.SplitFunc does: advance bytes are
	// done with, and frame, which may be nil, is within them. Advance 0 and no error
	// ask for more data. r is the connection's own: what Split has seen of a frame that
	// is not whole yet. Data then begins again at the same byte. An error is a
	// *FrameError: the stream is out of step and cannot be read further. Whenever Split
	// advances it leaves r at its zero value.
	// At atEOF an unfinished frame is an error, and so is nothing else.
	Split(data []byte, atEOF bool, r *Resume) (advance int, frame []byte, err error)

	// Decode reads frame, which came from Split, into m. An error is a *Malformed: the
	// stream is still in step, and m has what could be read, at least its Kind where
	// that decides whether the sender may be answered.
	Decode(dir Direction, frame []byte, m *Message) error
	// DecodeBody is Decode for a body without framing, such as a member of a batch.
	DecodeBody(dir Direction, body []byte, m *Message) error

	// Getter compiles path, in the protocol's own notation ("/params/0", "MSH-10",
	// "DE41"). The error names what is wrong with the path.
	Getter(path string) (Getter, error)

	// AppendWithID appends the body of m under another ID, encoded anew from what was
	// validated. An empty id leaves the one that it has.
	AppendWithID(dst []byte, m *Message, id ID) ([]byte, error)
	// AppendNotice appends the body of n as an answer to req, in the protocol's own
	// words. Req may be nil, or lack an ID. If nothing is appended the protocol has no
	// words for it here, and nothing may be sent.
	AppendNotice(dst []byte, req *Message, n *Notice) ([]byte, error)

	// OpenFrame appends what comes before a body, and CloseFrame, with the length that
	// dst had before OpenFrame, completes the frame. Head is the Head of the request
	// that this frame answers, or nil. CloseFrame fails if the body does not fit its
	// framing; dst is then as long as it was before OpenFrame.
	OpenFrame(dst, head []byte) []byte
	CloseFrame(dst []byte, start int) ([]byte, error)
}

// Resume is what Split remembers of a frame that is not whole yet. The zero value
// stands at the beginning of a frame. Its meaning is the framing's own.
type Resume struct {
	Off   int // bytes that need not be looked at again
	Need  int // bytes that the whole frame takes, where that is known; else 0
	Depth int32
	State uint8
}

// Traits tells what a protocol can say, so that a configuration that asks for more
// is refused before it runs.
type Traits struct {
	// Name is the protocol's name in a configuration.
	Name string
	// Modes are the ways in which results can be matched to requests, the default first.
	Modes []Mode
	// Tickets is the number of different IDs that AppendTicket can write, 0 if the codec
	// is no Rewriter.
	Tickets uint64
	// Connections and Window are how many connections a backend can be expected to take, and how many frames on one before
	// it has answered, if the configuration does not say. 0: nothing is known.
	Connections, Window int
	// Frame is the greatest frame in bytes, and FrameTime how long one may take to come, if the configuration does not say. 0:
	// the usual.
	Frame     int
	FrameTime time.Duration
	// InFlight is how many requests one connection to a backend can be expected to take before the first of them is answered,
	// if the configuration does not say. 0: nothing is known.
	InFlight int
	// Ordered is true if a client pairs answers with its requests by their order.
	Ordered bool
	// Steady is true if the order in which a client sends means something: as long as it has any request open, the next go the
	// same way.
	Steady bool
	// Batches is true of a Batching codec whose declaration does have batches.
	Batches bool
	// Carries is true of a Carrying codec whose declaration does have heads.
	Carries bool
	// Wait is the kind of wait notice that the protocol has.
	Wait Wait
	// Says tells for each Class whether AppendNotice has words for it.
	Says [NumClasses]bool
	// Echo is true if AppendNotice gives back more of the request than its ID, so that the
	// request's body must be kept as long as a notice may still be needed.
	Echo bool
	// Acks is true if clients may answer results. It is no request, and not answered.
	Acks bool
	// Joins is true if a client that repeats an open request, under the same ID, means the same one: it is answered once.
	// If another one comes under that ID the client has given the first up. Otherwise both are Duplicate.
	Joins bool
	// Lanes is true if messages name a Lane.
	Lanes bool
	// JSON is true if the values of getters have a Raw that is JSON text, and Content is
	// then the path of what a schema for one operation describes ("/params").
	JSON    bool
	Content string
}

// Limits bound what a codec accepts from the wire. A zero means the codec's default.
type Limits struct {
	Frame int // bytes of a frame, framing included; 1 MiB
	Depth int // nesting; 64
	Items int // members of a batch, records of a response; 1000
}

// WithDefaults returns l with a default for each zero.
func (l Limits) WithDefaults() Limits {
	if l.Frame == 0 {
		l.Frame = 1 << 20
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Items == 0 {
		l.Items = 1000
	}
	return l
}

// Can reports whether the protocol allows mode.
func (t Traits) Can(mode Mode) bool {
	for _, m := range t.Modes {
		if m == mode {
			return true
		}
	}
	return false
}

// Mode is a way to match results to requests.
type Mode uint8

const (
	// Rewrite puts the gateway's own ticket in place of the client's ID.
	Rewrite Mode = iota
	// Key matches by fields of the message, which is forwarded as it is.
	Key
	// FIFO matches by order: the n-th answer is for the n-th request of a connection.
	FIFO
	// Exclusive has one request at a time on a connection.
	Exclusive
)

var modeNames = [...]string{"rewrite", "key", "fifo", "exclusive"}

// String returns the mode's name in a configuration.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "invalid"
}

// ParseMode returns the mode that is called name.
func ParseMode(name string) (Mode, bool) {
	for i, n := range modeNames {
		if n == name {
			return Mode(i), true
		}
	}
	return 0, false
}

// Wait is a kind of wait notice.
type Wait uint8

const (
	// NoWait is that of a protocol that has no form for it.
	NoWait Wait = iota
	// Interim says nothing about the result, which follows on the same connection.
	Interim
	// Closing ends the exchange for the client, who must ask again.
	Closing
	// Promise releases the client from resending. It needs a journal.
	Promise
)

var waitNames = [...]string{"none", "interim", "closing", "promise"}

// String returns the kind's name in a configuration.
func (w Wait) String() string {
	if int(w) < len(waitNames) {
		return waitNames[w]
	}
	return "invalid"
}

// Rewriter is a Codec whose IDs the gateway can choose.
type Rewriter interface {
	// AppendTicket appends the ID that stands for n, which is below Traits.Tickets.
	AppendTicket(dst []byte, n uint64) ID
	// Ticket is the reverse. It is false for an ID that AppendTicket never writes.
	Ticket(id ID) (n uint64, ok bool)
}

// Batching is a Codec whose protocol can carry several messages in one frame.
type Batching interface {
	// Members appends the bodies of the members of m, whose Kind is Batch, in order.
	// They alias m. A codec that limits their number refuses the frame in Decode.
	Members(m *Message, bodies [][]byte) ([][]byte, error)
	// AppendBatch appends the body of a batch of bodies, of which there is at least one.
	AppendBatch(dst []byte, bodies [][]byte) ([]byte, error)
}

// Enveloping is a Batching whose batches have an envelope that answers belong into. The Head of a Batch says of a client's
// batch what its answer is put into; a message that hears no answer has its place too.
type Enveloping interface {
	Batching
	// AppendAnswers appends the body of the answer to the batch whose Head is head: bodies are the answers to its members, one
	// for each, of which some may be empty.
	AppendAnswers(dst, head []byte, bodies [][]byte) ([]byte, error)
	// AppendBundle is AppendBatch for a backend. The batch has a name that stands for n, which is below 1<<52.
	AppendBundle(dst []byte, bodies [][]byte, n uint64) ([]byte, error)
	// Bundle tells which bundle m, a Batch of a backend, answers, and whether it is implied that those members of it are
	// accepted which m does not name.
	Bundle(m *Message) (n uint64, implied bool)
	// AppendAccepted appends the body of the answer to req that is implied so. If nothing is appended there is none.
	AppendAccepted(dst []byte, req *Message) ([]byte, error)
	// AppendNameless appends the body of a refusal that stands in the place of a member that is Nameless (see Malformed).
	AppendNameless(dst []byte, n *Notice) ([]byte, error)
}

// Scoped is a Rewriter of mode Key whose IDs name a request among those of its sender, and whose answers name it by a part of
// its ID that is not of its sender.
type Scoped interface {
	Rewriter
	// Link returns that part, the beginning of id. If it is open already on a connection, for another sender, the request is
	// forwarded under a ticket.
	Link(id ID) ID
}

// Carrying is a Codec of frames that can be longer than what is held in memory. The first bytes of such a frame, its
// head, say how long it is, and hold all that is needed to judge, to route and to answer it. The rest is carried unseen.
type Carrying interface {
	// SplitHead looks at the frame that data begins with. If it is longer than inline bytes it returns its head, which
	// aliases data, and how many bytes follow that; head is nil as long as data has less than all of it. Rest is 0 if the
	// frame is no longer than that, or if it cannot be told yet: Split then decides. An error is a *FrameError.
	SplitHead(data []byte, inline int) (head []byte, rest int64, err error)
	// DecodeHead is Decode for a head that rest bytes follow. What does not stand in the head is not there, and is not
	// missed.
	DecodeHead(dir Direction, head []byte, rest int64, m *Message) error
	// AppendHead appends the head of a frame that holds m, which DecodeHead has read, under another ID, with as many bytes
	// to follow. An empty id leaves the one that it has. It fails if they do not fit the framing. Head is as for OpenFrame.
	AppendHead(dst []byte, m *Message, id ID, head []byte) ([]byte, error)
	// InHead reports whether a Getter of path finds in a head what it would find in the whole frame.
	InHead(path string) bool
}

// Sessioning is a Codec whose protocol has traffic of the connection itself, which
// is answered where it arrives and never forwarded.
type Sessioning interface {
	// AppendReply appends the whole frame that answers m, of Kind Keepalive, SignOn or SignOff.
	// If nothing is appended there is no answer.
	//
	// If the Bind of m is Parting the connection to the backend that was the client's own is given up with it, as it is.
	AppendReply(dst []byte, m *Message) ([]byte, error)
}

// Greeting is a Codec that has something to say on each new connection to a backend before the first request, such as a
// sign-on.
type Greeting interface {
	// AppendGreeting appends whole frames. The backend answers each with one frame.
	AppendGreeting(dst []byte) (_ []byte, answers int)
	// Greeted judges the answer to number i of them. An error ends the connection.
	Greeted(i int, m *Message) error
}

// Probing is a Codec that can ask a backend for a sign of life.
type Probing interface {
	// AppendProbe appends a whole frame that a backend that lives answers, with something that is of the connection itself
	// (Keepalive, SignOn). If nothing is appended there is nothing to ask with.
	AppendProbe(dst []byte) ([]byte, error)
}

// Repeating is a Codec of clients that repeat a request while it is open, perhaps on another connection.
type Repeating interface {
	// Repeats reports whether m asks for the same as the request with the body open, which has its ID. It is then not
	// forwarded. Another request under that ID is refused as Duplicate.
	Repeats(open []byte, m *Message) bool
	// Waits reports whether a repeat hears what the first hears. If not, it hears Accepted at once, and that is all that it
	// hears.
	Waits() bool
}

// Masking is a Codec of messages that hold what no person and no log may see. It cannot be switched off.
type Masking interface {
	// Shows reports whether text, what a Getter of path has found, may be seen. An empty path is the ID of a message.
	Shows(path string, text []byte) bool
	// AppendMasked appends the body of m, which may be one that was refused, without what may not be seen.
	AppendMasked(dst []byte, m *Message) []byte
}

// Citing is a Rewriter whose requests can name an earlier one, by the ID that their client has given that.
type Citing interface {
	// Cites returns the ID that the request which m names had, and the path of the field that names it; "" if m names none.
	Cites(m *Message) (id ID, path string)
	// CanCite says why no request can be named, nil that each can.
	CanCite() error
	// AppendWithIDs is AppendWithID that has m name the earlier request by cited too.
	AppendWithIDs(dst []byte, m *Message, id, cited ID) ([]byte, error)
}

// Reversing is a Codec whose requests can be taken back when nobody knows what has become of them.
type Reversing interface {
	// Reverses reports whether it is configured to.
	Reverses() bool
	// AppendReversal appends the body of a request that takes back req, in whose place its client has heard n, or, if repeat,
	// of the same one sent again. It is under an ID of its own. If nothing is appended req is not taken back.
	AppendReversal(dst []byte, req *Message, n *Notice, repeat bool) ([]byte, error)
}

// Remembering is a Codec to which it matters that a message was refused, such as one of a transaction that must not be
// carried out without it.
type Remembering interface {
	// Refused returns what is to be remembered of a connection from now on: memo, or something else, when m is refused.
	//
	// If Decode refuses a message whose Bind is Parting the connection to the backend that was the client's own is given up
	// as it is, and m.Memo is what is remembered.
	Refused(memo uint64, m *Message) uint64
}

// Matching is a Codec of messages that show more of what they belong to than an ID or their order: the second key.
type Matching interface {
	// Match judges m, a Response or Push that has come for a request by ID, key or order. Expect is what Decode has set in
	// Message.Expect of that; open is false if there is none. It may set m.More, m.Kind, and m.Memo, that of the backend's
	// connection.
	Match(expect uint64, open bool, m *Message) Match
}

// Match is what a Matching says of an answer.
type Match uint8

const (
	// Answers: it is an answer to this request.
	Answers Match = iota
	// Unasked: it answers nothing, and was not meant to. The request is still open.
	Unasked
	// Useless: it answers this request, and says nothing that may be taken for a result.
	Useless
	// Foreign: it cannot be. Nothing that comes on this connection may be believed any more.
	Foreign
)

// Keyed is a Codec whose requests name what they are about by keys, so that each of several backends can have a part of
// all keys.
type Keyed interface {
	// Keys appends the keys of m to keys; they alias m. All is true of a request that is about every key.
	Keys(m *Message, keys [][]byte) (_ [][]byte, all bool)
	// Divides reports whether requests such as m, which has several keys, can be taken apart and their answers be joined.
	Divides(m *Message) bool
	// AppendPart appends the body of what m asks of those keys i for which owner[i] is part.
	AppendPart(dst []byte, m *Message, owner []int, part int) ([]byte, error)
	// Join appends the body of the answer to m, of whose keys i part owner[i] has answered with the body answers[owner[i]]:
	// a backend's, or what AppendNotice has said in its place.
	Join(dst []byte, m *Message, owner []int, answers [][]byte) ([]byte, error)
}

// Merging is a Codec whose reads can be answered from one another's results.
type Merging interface {
	// Range tells what m reads, if it does nothing else. If not, no read may pass it.
	Range(m *Message) (Range, bool)
	// AppendRead appends the body of a request under id for r.
	AppendRead(dst []byte, r Range, id ID) ([]byte, error)
	// AppendSlice appends, under id, the body of an answer to a read of part, out of m, which answers a read of whole. Part
	// is within whole.
	AppendSlice(dst []byte, m *Message, whole, part Range, id ID) ([]byte, error)
	// Splits reports whether m, an answer to a read of several ranges at once, refuses them in a way in which each by
	// itself might not be refused.
	Splits(m *Message) bool
}

// Range is what a request reads: Count items from First on, of a Space in which at most Most can be read at once.
type Range struct {
	Space        uint64 // what the items are: those of different spaces have nothing in common
	First, Count uint32
	Most         uint32
}

// Policing is a Codec that has rules of its own, in notions that the general ones do not have.
type Policing interface {
	// Police judges m, a Request or OneWay that Decode has accepted. Nil lets it pass.
	Police(m *Message) *Refusal
}

// Learning is a Codec that can propose rules of its own from what was seen.
type Learning interface {
	Learn() Learner
}

// Learner gathers requests. It is not safe for concurrent use.
type Learner interface {
	// Add takes in m, a request that Decode has accepted. It keeps nothing of it that is a value, unless it was asked to.
	Add(m *Message)
	// KeepValues has the rules bound values too.
	KeepValues()
	// AppendOptions appends, as YAML, the options of the protocol that let pass what was added, and nothing else.
	AppendOptions(dst []byte) []byte
}

// Refusal is why a Policing does not let a message pass.
type Refusal struct {
	Class   Class
	Cause   Cause
	Reasons []Reason
	// Observed is true of a rule that is only being tried out: it is counted and logged, and the message passes.
	Observed bool
	// Tolerated is true of what is not as it should be and is let through: it is counted and logged.
	Tolerated bool
}
