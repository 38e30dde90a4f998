package hl7

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Spans of a Message: the fields of MSH, by their numbers, then two of MSA, then all segments.
const (
	lastField    = 18 // of MSH, that is looked at
	msaCode      = 19
	msaID        = 20
	firstSegment = 21
)

// Fields of MSH.
const (
	sendingApp      = 3
	sendingFacility = 4
	receivingApp    = 5
	receivingFac    = 6
	messageType     = 9
	controlID       = 10
	processingID    = 11
	versionID       = 12
	sequenceNumber  = 13
	acceptType      = 15
	applicationType = 16
	characterSet    = 18
)

// Bits of Message.Code.
const (
	codeSet     = 3      // an er7.Set
	codeRead    = 1 << 2 // MSH could be read far enough to be answered
	codeMended  = 1 << 3 // segments do not end as they should: it is forwarded as it should be
	codeLongID  = 1 << 5 // longer than 20 characters in a version before 2.7
	codeUnknown = 1 << 6 // MSH-18 names a set that is not known
	codeRefused = 1 << 7 // it is no message
	codeUsed    = 8      // from this bit on: tolerances
	codeAck     = 16     // from this bit on: an ackCode
)

// ackCode is MSA-1 (HL7 table 0008).
type ackCode int32

const (
	noAck ackCode = iota
	ackAA
	ackAE
	ackAR
	ackCA
	ackCE
	ackCR
)

var ackNames = [...]string{"", "AA", "AE", "AR", "CA", "CE", "CR"}

func ackOf(text []byte) ackCode {
	for i, name := range ackNames {
		if string(text) == name {
			return ackCode(i)
		}
	}
	return noAck
}

// ackType is MSH-15 or MSH-16 (HL7 table 0155).
type ackType uint8

const (
	unsaid ackType = iota
	always
	never
	onError
	onSuccess
	badType
)

func ackTypeOf(text []byte) ackType {
	switch string(bytes.Trim(text, " ")) {
	case "":
		return unsaid
	case "AL":
		return always
	case "NE":
		return never
	case "ER":
		return onError
	case "SU":
		return onSuccess
	}
	return badType
}

// wanted is what the sender of a message wants to hear: in original mode one acknowledgement, whatever it says; in enhanced
// mode one of its acceptance, one of its processing, both or none (HL7 v2.8.2, 2.9.2 and 2.9.3).
type wanted struct {
	original            bool
	accept, application ackType
}

func wantedOf(accept, application ackType) wanted {
	w := wanted{original: accept == unsaid && application == unsaid, accept: accept, application: application}
	if w.accept == unsaid {
		w.accept = never
	}
	if w.application == unsaid {
		w.application = never
	}
	return w
}

// success and failure report whether the one and the other are told.
func (t ackType) success() bool { return t == always || t == onSuccess }

func (t ackType) failure() bool { return t == always || t == onError || t == badType }

// kind is that of a message whose sender wants w: if nothing is heard whatever happens it is one-way, and if only errors are
// its answer may never come.
func (w wanted) kind() (k protocol.Kind, tacit bool) {
	switch {
	case w.original:
		return protocol.Request, false
	case w.accept == never && w.application == never:
		return protocol.OneWay, false
	}
	return protocol.Request, !w.accept.success() && !w.application.success()
}

// want reads MSH-15 and 16 of m.
func want(m *protocol.Message) wanted {
	return wantedOf(ackTypeOf(field(m, acceptType)), ackTypeOf(field(m, applicationType)))
}

// field returns field n of the MSH of m as it stands, nil if it is not there.
func field(m *protocol.Message, n int) []byte {
	if n >= len(m.Spans) {
		return nil
	}
	return m.Spans[n].In(m.Body)
}

// text returns m as a text of er7.
func text(m *protocol.Message) er7.Text {
	t := er7.Text{Body: m.Body, Set: er7.Set(m.Code & codeSet), Delims: er7.Usual}
	if len(m.Spans) > firstSegment {
		t.Segments = m.Spans[firstSegment:]
		s := t.Segments[0]
		t.Delims, _, _ = er7.DelimsOf(m.Body[s.Off : s.Off+s.Len])
	}
	return t
}

// version is a number of 2.5.1 as 251, 0 if text is none.
func versionOf(text []byte) int {
	if len(text) < 3 || text[0] != '2' || text[1] != '.' || text[2] < '1' || text[2] > '9' {
		return 0
	}
	v := 200 + 10*int(text[2]-'0')
	switch {
	case len(text) == 3:
		return v
	case len(text) == 5 && text[3] == '.' && text[4] >= '1' && text[4] <= '9':
		return v + int(text[4]-'0')
	}
	return 0
}

// versionText returns MSH-12.1 of m.
func versionText(m *protocol.Message, d *er7.Delims) []byte {
	v, _, _ := bytes.Cut(field(m, versionID), []byte{d.Component})
	return bytes.Trim(v, " ")
}
