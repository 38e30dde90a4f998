package protocol

import "time"

// Notice is what the gateway itself tells a client about one of its messages. Each
// codec renders it in its own words.
type Notice struct {
	Class Class
	Cause Cause
	// Reasons tell what is wrong and where. They hold no value from the message.
	Reasons []Reason
	// RetryAfter is when a Later may be tried again, 0 if nobody can say.
	RetryAfter time.Duration
	// Unknown is true of a Failed whose request the backend may have executed.
	Unknown bool
}

// Class tells a client what to do.
type Class uint8

const (
	// Fix means: correct it, never send it unchanged. It ends the exchange.
	Fix Class = iota
	// Later means: nothing is wrong with it, nothing was forwarded; send it again,
	// unchanged, later. It ends the exchange.
	Later
	// Denied means: you may not ask for this. It ends the exchange.
	Denied
	// Duplicate means: this request is open, or was answered already. It ends the repeat.
	Duplicate
	// Failed means: accepted, but there will be no result. It ends the exchange.
	Failed
	// Accepted is the wait notice: accepted and being processed.
	Accepted
	// NumClasses is the number of classes.
	NumClasses = iota
)

var classNames = [...]string{"fix", "later", "denied", "duplicate", "failed", "wait"}

// String returns the class's name in a configuration, a log or a metric.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "invalid"
}

// Cause tells why a notice is sent, finer than its class, for codecs that have a code
// for it.
type Cause uint8

const (
	// NoCause is the zero value.
	NoCause Cause = iota
	// BadSyntax: it cannot be parsed at all. Fix.
	BadSyntax
	// BadShape: it can be parsed, but is no message of the protocol. Fix.
	BadShape
	// BadName: no such operation. Fix.
	BadName
	// BadContent: a rule or a schema is not met. Fix.
	BadContent
	// TooLarge: a limit on size, depth or number is exceeded. Fix.
	TooLarge
	// Forbidden: policy does not allow it. Denied.
	Forbidden
	// StillOpen: the same ID is in flight. Duplicate.
	StillOpen
	// AnsweredBefore: another request under the same ID was answered a while ago. Duplicate.
	AnsweredBefore
	// Busy: a limit on requests in flight is reached. Later.
	Busy
	// QueueTimeout: the backend had no room in time. Later.
	QueueTimeout
	// BackendDown: there is no backend to send it to. Later.
	BackendDown
	// Draining: the gateway shuts down. Later.
	Draining
	// Paused: an operator has paused the route. Later.
	Paused
	// AnswerTimeout: forwarded, and not answered in time. Failed.
	AnswerTimeout
	// BackendLost: the connection ended before the answer came. Failed.
	BackendLost
	// BadAnswer: what the backend answered cannot be used. Failed.
	BadAnswer
	// InProcess: the request was accepted. Accepted.
	InProcess
)

var causeNames = [...]string{"none", "bad-syntax", "bad-shape", "bad-name", "bad-content", "too-large", "forbidden", "still-open", "answered-before",
	"busy", "queue-timeout", "backend-down", "draining", "paused", "answer-timeout", "backend-lost", "bad-answer", "in-process"}

// String returns the cause's name in a log or a metric.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return "invalid"
}

// Text is one English sentence without a full stop, for a person.
func (c Cause) Text() string {
	if int(c) < len(causeTexts) {
		return causeTexts[c]
	}
	return ""
}

var causeTexts = [...]string{
	BadSyntax:      "the message cannot be parsed",
	BadShape:       "this is not a valid request",
	BadName:        "there is no such operation here",
	BadContent:     "the request does not meet the rules",
	TooLarge:       "the message exceeds a limit",
	Forbidden:      "this is not allowed",
	StillOpen:      "a request with this id is still open",
	AnsweredBefore: "another request with this id was answered already",
	Busy:           "too many requests are in flight, send it again later",
	QueueTimeout:   "the backend had no room in time, send it again later",
	BackendDown:    "the backend is not available, send it again later",
	Draining:       "the service is shutting down, send it again later",
	Paused:         "the service is paused, send it again later",
	AnswerTimeout:  "the backend did not answer in time",
	BackendLost:    "the connection to the backend was lost",
	BadAnswer:      "the backend's answer could not be used",
	InProcess:      "processing",
}

// Reason is one thing that is wrong with a message. Its texts come from the
// configuration and from code, never from the message.
type Reason struct {
	Path string // in the protocol's notation; "" is the message as a whole
	Off  int    // of the value in the frame, in bytes; -1 if there is no such place
	Rule string // the rule's name: "required", "type", "limits.frame", ...
	Want string // what was wanted: "an integer of at least 1"
	// Say is the operator's own words for it, which a person is told in place of Want and Got.
	Say string
	Got string // the kind of thing found, not its value: "text", "nothing", "41 bytes"
}

// AppendText appends r as one line for a person: path, rule, what was wanted and found.
func (r *Reason) AppendText(dst []byte) []byte {
	if r.Path != "" {
		dst = append(dst, r.Path...)
		dst = append(dst, ": "...)
	}
	if r.Say != "" {
		dst = append(dst, r.Say...)
	} else if r.Want != "" {
		dst = append(dst, "want "...)
		dst = append(dst, r.Want...)
		if r.Got != "" {
			dst = append(dst, ", got "...)
			dst = append(dst, r.Got...)
		}
	}
	if r.Rule != "" {
		dst = append(dst, " ("...)
		dst = append(dst, r.Rule...)
		dst = append(dst, ')')
	}
	return dst
}
