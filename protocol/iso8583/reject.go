package iso8583

import (
	"github.com/sallyport/sallyport/protocol"
)

// baseOne is the length of a BASE I header (V.I.P. System, header field 1).
const baseOne = 22

// decodeReject reads a message that a network has rejected: a header that is longer than 22 bytes, because behind its own
// fields it has a bitmap and a reject code, and then the message as it was sent, with the header that it had. base is where
// what follows the first 22 bytes begins in the frame.
func (c *Codec) decodeReject(m *protocol.Message, base int) error {
	f := faults{base: base}
	m.Code = broken
	header := int(m.Frame[base-baseOne])
	more := header - baseOne // of this header
	if header < baseOne+4 || len(m.Body) < more+baseOne || m.Body[0]&0x80 == 0 || m.Body[more] != baseOne {
		f.add("", -baseOne, "header", "a header of 22 bytes, or that of a reject with the message behind it", "another")
		m.Spans = append(m.Spans, c.absent...)
		return f.malformed(protocol.BadShape)
	}
	if m.Dir != protocol.FromBackend {
		f.add("", -baseOne, "header", "a header of 22 bytes", "that of a reject, which only a network sends")
		m.Spans = append(m.Spans, c.absent...)
		return f.malformed(protocol.BadShape)
	}
	m.Body = m.Body[more+baseOne:]
	if err := c.decode(m, base+more+baseOne); err != nil {
		return err
	}
	if m.Kind != protocol.Request {
		m.Kind = protocol.Unknown // it was nothing that anybody waits for
		return nil
	}
	m.Kind, m.Code, m.Failed = protocol.Response, rejected, true
	return nil
}

// appendRejected appends, under id, what the client hears of it: a response of its own, with the code of a format error.
func (c *Codec) appendRejected(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	request := *m
	request.Code = 0
	body, err := c.AppendWithID(nil, &request, id)
	if err != nil {
		return dst, err
	}
	request.Body = body
	code := c.codes.by[protocol.Fix][protocol.BadShape]
	if len(code) == 0 { // sallyport itself would say nothing, but this is the network's answer
		code = []byte(editions[c.edition].class[protocol.Fix])
	}
	return c.appendAnswer(dst, &request, c.echo, code, nil)
}
