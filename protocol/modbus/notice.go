package modbus

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/protocol"
)

// numCauses is the number of causes of a notice.
const numCauses = int(protocol.InProcess) + 1

// Exception codes (section 7).
const (
	illegalFunction = 0x01
	illegalAddress  = 0x02
	illegalValue    = 0x03
	deviceFailure   = 0x04
	acknowledge     = 0x05
	busy            = 0x06
	noPath          = 0x0A
	noResponse      = 0x0B
)

var classCodes = [protocol.NumClasses]byte{protocol.Fix: illegalValue, protocol.Later: busy, protocol.Denied: illegalAddress,
	protocol.Failed: deviceFailure, protocol.Accepted: acknowledge}

var causeCodes = [numCauses]byte{protocol.BadName: illegalFunction, protocol.BackendDown: noPath, protocol.BackendLost: noResponse, protocol.AnswerTimeout: noResponse}

// setCodes fills the table of codes: a cause before a class, both before the defaults.
func (c *Codec) setCodes(own map[string]int) error {
	known := map[string]bool{}
	for class := range protocol.Class(protocol.NumClasses) {
		known[class.String()] = true
		for cause := range protocol.Cause(numCauses) {
			known[cause.String()] = true
			code := causeCodes[cause]
			if code == 0 || class == protocol.Later && cause == protocol.BackendLost { // nothing of it had left
				code = classCodes[class]
			}
			if n, ok := own[class.String()]; ok {
				code = byte(n)
			}
			if n, ok := own[cause.String()]; ok {
				code = byte(n)
			}
			c.codes[class][cause] = code
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if !known[name] {
			errs = append(errs, fmt.Errorf("codes: %q is no class and no cause of a notice", name))
		}
		if n := own[name]; n < 0 || n > 255 {
			errs = append(errs, fmt.Errorf("codes.%s: %d is not between 1 and 255, and not 0 for no answer", name, n))
		}
	}
	return errors.Join(errs...)
}

// AppendNotice appends the exception for n. There is no room for a reason: the log has it. A request that could not be
// read has no answer.
func (c *Codec) AppendNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	if req == nil || len(req.Body) < header+1 {
		return dst, nil
	}
	code := c.codes[n.Class][n.Cause]
	if len(n.Reasons) > 0 {
		switch r := &n.Reasons[0]; {
		case n.Class == protocol.Denied && r.Path == "pdu.fc" && code == illegalAddress:
			code = illegalFunction
		case n.Class == protocol.Fix && r.Rule == "address" && code == illegalValue:
			code = illegalAddress
		}
	}
	if code == 0 {
		return dst, nil
	}
	id := req.ID
	if len(id) == 0 {
		id = req.Body[:2]
	}
	dst = appendHeader(dst, id, req.Body[6], 2)
	return append(dst, req.Body[7]|0x80, code), nil
}
