package iso8583

import (
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// mostFaults is how many reasons are gathered of one message.
const mostFaults = 8

// faults are the reasons why a message is refused. None of them holds anything of its contents.
type faults struct {
	reasons []protocol.Reason
	base    int    // of the body in the frame
	behind  string // the field before
	digits  int    // where the bitmap looks like one in hexadecimal digits; 0: nowhere
}

// add notes a reason at off in the body.
func (f *faults) add(path string, off int, rule, want, got string) {
	if len(f.reasons) < mostFaults {
		f.reasons = append(f.reasons, protocol.Reason{Path: path, Off: f.base + off, Rule: rule, Want: want, Got: got})
	}
}

// hint says what a wrong dialect looks like.
func (f *faults) hint() string {
	if f.digits == 0 {
		return ""
	}
	return "; the bitmap looks like one in hexadecimal digits, which is what another dialect has"
}

func (f *faults) malformed(cause protocol.Cause) error {
	return &protocol.Malformed{Cause: cause, Reasons: f.reasons}
}

// span says what length f may have.
func (f *field) span() string {
	least, most := f.Least, f.Length
	if f.CountsBytes {
		least, most = f.size(least), f.size(most)
	}
	switch {
	case f.Digits == 0:
		return "a length of " + strconv.Itoa(most)
	case least > 0:
		return "a length from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)
	}
	return "a length of at most " + strconv.Itoa(most)
}

func got(number bool) string {
	if number {
		return "another"
	}
	return "something else"
}
