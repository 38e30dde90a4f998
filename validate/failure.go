package validate

import (
	"errors"
	"strconv"

	"github.com/hashicorp/go-multierror"
	"github.com/sallyport/sallyport/protocol"
)

// Failure is why a message may not pass. It holds no value of the message and nothing
// that aliases it.
type Failure struct {
	class   protocol.Class
	cause   protocol.Cause
	reasons []protocol.Reason
	more    int // reasons that are not told
}

// Class is Denied if policy forbids the message, else Fix, or Failed if nothing is known to
// be wrong with it but a rule could not be carried out.
func (f *Failure) Class() protocol.Class { return f.class }

// Cause goes with the class: Forbidden for Denied; for Fix BadName before TooLarge before
// BadContent; NoCause for Failed.
func (f *Failure) Cause() protocol.Cause { return f.cause }

// Reasons are what is wrong, in the order of the rules, no more than Options.MaxReasons.
func (f *Failure) Reasons() []protocol.Reason { return f.reasons }

// More is how many reasons there are beyond Reasons.
func (f *Failure) More() int { return f.more }

// Error is one line with every reason, and how many more there are.
func (f *Failure) Error() string {
	text := []byte("refused: ")
	for i := range f.reasons {
		if i > 0 {
			text = append(text, "; "...)
		}
		text = appendReason(text, &f.reasons[i])
	}
	if f.more > 0 {
		text = append(text, "; and "...)
		text = strconv.AppendInt(text, int64(f.more), 10)
		text = append(text, " more"...)
	}
	return string(text)
}

// Unwrap returns a *multierror.Error with an error for each of Reasons, and one that
// says how many more there are.
func (f *Failure) Unwrap() error { return f.Errors() }

// Errors is Unwrap with its type.
func (f *Failure) Errors() *multierror.Error {
	all := &multierror.Error{ErrorFormat: func([]error) string { return f.Error() }}
	for i := range f.reasons {
		all.Errors = append(all.Errors, errors.New(string(appendReason(nil, &f.reasons[i]))))
	}
	if f.more > 0 {
		all.Errors = append(all.Errors, errors.New("and "+strconv.Itoa(f.more)+" more"))
	}
	return all
}

func (f *Failure) add(r protocol.Reason, class protocol.Class, cause protocol.Cause, limit int) {
	if weight(class, cause) > weight(f.class, f.cause) {
		f.class, f.cause = class, cause
	}
	if len(f.reasons) >= limit {
		f.more++
		return
	}
	f.reasons = append(f.reasons, r)
}

// weight decides which class and cause stand for the whole.
func weight(class protocol.Class, cause protocol.Cause) int {
	switch {
	case class == protocol.Denied:
		return 4
	case class == protocol.Failed:
		return 0
	case cause == protocol.BadName:
		return 3
	case cause == protocol.TooLarge:
		return 2
	}
	return 1
}

func appendReason(dst []byte, r *protocol.Reason) []byte {
	dst = r.AppendText(dst)
	if r.Off >= 0 {
		dst = append(dst, " at byte "...)
		dst = strconv.AppendInt(dst, int64(r.Off), 10)
	}
	return dst
}
