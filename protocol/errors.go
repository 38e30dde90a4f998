package protocol

import "strconv"

// Malformed is the error of Decode: the frame is whole and the stream in step, but
// the message is not to be used. The sender hears why and may send the next one.
type Malformed struct {
	Cause   Cause
	Reasons []Reason
	// Ends is true of what cannot be answered, though its sender waits for that: it is disconnected.
	Ends bool
	// Nameless is true of what could not be read far enough to be answered by name: in a batch something stands in its place
	// all the same.
	Nameless bool
}

// Error names the cause and the first reason.
func (e *Malformed) Error() string { return errorText("malformed", e.Cause, e.Reasons) }

// FrameError is the error of Split: it is not known where the next frame begins. The
// sender hears why, if the protocol can say that without an ID, and is disconnected.
type FrameError struct {
	Cause  Cause
	Reason Reason
	// Foreign names the protocol that the bytes look like ("TLS", "HTTP", "SSH"), if any.
	Foreign string
}

// Error names the cause, the reason and the foreign protocol.
func (e *FrameError) Error() string {
	text := errorText("out of step", e.Cause, []Reason{e.Reason})
	if e.Foreign != "" {
		text += "; this looks like " + e.Foreign
	}
	return text
}

func errorText(what string, cause Cause, reasons []Reason) string {
	buf := append([]byte(what), ": "...)
	buf = append(buf, cause.Text()...)
	if len(reasons) > 0 {
		buf = append(buf, ": "...)
		buf = reasons[0].AppendText(buf)
		if off := reasons[0].Off; off >= 0 {
			buf = append(buf, " at byte "...)
			buf = strconv.AppendInt(buf, int64(off), 10)
		}
	}
	if n := len(reasons) - 1; n > 0 {
		buf = append(buf, ", and "...)
		buf = strconv.AppendInt(buf, int64(n), 10)
		buf = append(buf, " more"...)
	}
	return string(buf)
}
