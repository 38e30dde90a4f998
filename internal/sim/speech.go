package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// NonceLen is the length of every nonce, which is of letters and digits.
const NonceLen = 16

// Speech is how a simulated client talks in one protocol.
type Speech struct {
	// ID returns the ID of a client's n-th request, from 0. Every client uses the same
	// ones, on purpose.
	ID func(n int) protocol.ID
	// Request appends the body of a request that carries nonce.
	Request func(dst []byte, id protocol.ID, nonce string) []byte
	// Wait returns the ID that a wait notice is about. It is false for any other message.
	Wait func(m *protocol.Message) (protocol.ID, bool)
}

// JSONRPC returns the Speech of JSON-RPC: calls of "echo". One ID of three is a string.
func JSONRPC(codec protocol.Codec) (Speech, error) {
	waited, err := codec.Getter("/params/id")
	if err != nil {
		return Speech{}, err
	}
	return Speech{
		ID: func(n int) protocol.ID {
			if n%3 == 2 {
				return strconv.AppendQuote(nil, strconv.Itoa(n-1))
			}
			return strconv.AppendInt(nil, int64(n), 10)
		},
		Request: func(dst []byte, id protocol.ID, nonce string) []byte {
			dst = append(append(dst, `{"jsonrpc":"2.0","method":"echo","params":{"nonce":"`...), nonce...)
			return append(append(append(dst, `"},"id":`...), id...), '}')
		},
		Wait: func(m *protocol.Message) (protocol.ID, bool) {
			if m.Kind != protocol.OneWay && m.Kind != protocol.Progress {
				return nil, false
			}
			v, ok := waited(m)
			return v.Raw, ok && len(v.Raw) > 0
		},
	}, nil
}

// Record returns the Speech of a protocol whose requests look like sample, a body. The
// fields named by the paths id and nonce are replaced: the ID counts in decimal digits
// in the field's width, the nonce is cut or filled with spaces to it, so that field
// should be wide enough for NonceLen bytes.
func Record(codec protocol.Codec, sample []byte, id, nonce string) (Speech, error) {
	var m protocol.Message
	if err := codec.DecodeBody(protocol.FromClient, sample, &m); err != nil {
		return Speech{}, fmt.Errorf("sample: %w", err)
	}
	var at [2]patch
	for i, path := range []string{id, nonce} {
		get, err := codec.Getter(path)
		if err != nil {
			return Speech{}, fmt.Errorf("%s: %w", path, err)
		}
		v, ok := get(&m)
		if !ok || len(v.Raw) == 0 {
			return Speech{}, fmt.Errorf("%s: the sample does not have this field", path)
		}
		at[i] = patch{off: v.Off, n: len(v.Raw)}
	}
	if at[1].n < NonceLen {
		return Speech{}, fmt.Errorf("%s: a nonce needs %d bytes, the field has %d", nonce, NonceLen, at[1].n)
	}
	sample = clone(sample)
	if at[0].off < at[1].off+at[1].n && at[1].off < at[0].off+at[0].n {
		return Speech{}, errors.New("the fields of id and nonce overlap")
	}
	return Speech{
		ID: func(n int) protocol.ID { return []byte(fitted(fmt.Sprintf("%0*d", at[0].n, n), at[0].n)) },
		Request: func(dst []byte, id protocol.ID, nonce string) []byte {
			key, text := at[0], at[1]
			key.text, text.text = string(id), nonce+strings.Repeat(" ", max(text.n-len(nonce), 0))
			return append(dst, patched(sample, []patch{key, text})...)
		},
		Wait: func(m *protocol.Message) (protocol.ID, bool) { return m.ID, m.Kind == protocol.Progress },
	}, nil
}

// fitted returns the last n bytes of text.
func fitted(text string, n int) string { return text[max(len(text)-n, 0):] }
