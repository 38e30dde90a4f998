// Package codecs lists the protocols that the program speaks. A protocol is added by
// its folder under protocol/ and one entry here.
package codecs

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/generic"
	"github.com/sallyport/sallyport/protocol/hl7"
	"github.com/sallyport/sallyport/protocol/iso8583"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/protocol/modbus"
	"github.com/sallyport/sallyport/protocol/resp"
)

// All are the protocols, in the order in which they are shown.
var All = []Protocol{
	entry("jsonrpc", "JSON-RPC 2.0: requests, notifications and batches in JSON.", jsonrpc.New),
	entry("resp", "RESP2 and RESP3, what Redis and its kin speak.", resp.New),
	entry("modbus", "Modbus TCP: the requests of masters to devices and to gateways of serial lines.", modbus.New),
	entry("iso8583", "ISO 8583: terminals and switches in front of a payment host, in the dialect of that host.", iso8583.New),
	entry("hl7", "HL7 v2 over MLLP: what the systems of a hospital send to one another.", hl7.New),
	entry("generic", "A protocol of fixed or delimited fields, declared wholly in the configuration.", generic.New),
}

// Protocol is how a codec is made of what a configuration says.
type Protocol struct {
	// Name is what a configuration calls it, and Doc says what it is in a sentence.
	Name, Doc string
	// New makes the codec. Decode fills a pointer to the options, as a json.Decoder does
	// that refuses unknown fields. An error of the options names their JSON path first.
	New func(decode func(into any) error, limits protocol.Limits) (protocol.Codec, error)
	// Options returns the zero value of the options, whose JSON fields are the keys.
	Options func() any
}

// Find returns the protocol that is called name.
func Find(name string) (Protocol, bool) {
	for _, p := range All {
		if p.Name == name {
			return p, true
		}
	}
	return Protocol{}, false
}

func entry[O any, C protocol.Codec](name, doc string, make func(O, protocol.Limits) (C, error)) Protocol {
	return Protocol{
		Name: name, Doc: doc,
		New: func(decode func(into any) error, limits protocol.Limits) (protocol.Codec, error) {
			var o O
			if err := decode(&o); err != nil {
				return nil, err
			}
			c, err := make(o, limits)
			if err != nil {
				return nil, err // and not c, which would be a Codec that is not nil
			}
			return c, nil
		},
		Options: func() any { var o O; return o },
	}
}
