package sim

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/iso8583"
)

// Host returns a Handler that approves whatever is asked, as a payment host would: with the response's message type, the
// fields that its terminals pair answers by, field 48, which is the shop's own, and a response code. Amounts whose last two
// digits are 05 or 51 are declined with these.
func Host(codec *iso8583.Codec) Handler {
	echo := []int{3, 4, 7, 11, 12, 13, 24, 32, 37, 41, 42, 48, 49}
	amount, err := codec.Getter("DE4")
	if err != nil {
		amount = func(*protocol.Message) (protocol.Value, bool) { return protocol.Value{}, false }
	}
	return func(m *protocol.Message) Answer {
		code := "00"
		if m.Name[0] != '0' {
			code = "000"
		}
		if v, _ := amount(m); len(v.Text) > 1 {
			switch last := string(v.Text[len(v.Text)-2:]); last {
			case "05", "51":
				code = code[2:] + last
			}
		}
		body, err := codec.AppendResponse(nil, m, echo, code)
		if err != nil {
			return Answer{}
		}
		return Answer{Body: body}
	}
}
