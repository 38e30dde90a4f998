package sim

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// maxSleep bounds what a client can ask of the method "sleep".
const maxSleep = time.Minute

// Methods is a Handler for JSON-RPC. Its methods are those of the specification's
// section 7, order.place and order.status, echo, which returns its params, and sleep,
// which does so after params.ms milliseconds. To another it says "Method not found".
func Methods(m *protocol.Message) Answer {
	var req struct{ Params json.RawMessage }
	if err := json.Unmarshal(m.Body, &req); err != nil {
		return Answer{Body: failure(m, -32600, "Invalid Request")}
	}
	f, ok := methods[string(m.Name)]
	if !ok && strings.HasPrefix(string(m.Name), "notify_") {
		f, ok = nothing, true
	}
	if !ok {
		return Answer{Body: failure(m, -32601, "Method not found")}
	}
	result, after, ok := f(req.Params)
	if !ok {
		return Answer{Body: failure(m, -32602, "Invalid params")}
	}
	body := append([]byte(`{"jsonrpc":"2.0","result":`), result...)
	body = append(append(body, `,"id":`...), m.ID...)
	return Answer{Body: append(body, '}'), After: after}
}

func failure(m *protocol.Message, code int, message string) []byte {
	id := m.ID
	if len(id) == 0 {
		id = protocol.ID("null")
	}
	text, _ := json.Marshal(map[string]any{"code": code, "message": message})
	body := append([]byte(`{"jsonrpc":"2.0","error":`), text...)
	return append(append(append(body, `,"id":`...), id...), '}')
}

// method returns the result, how long it takes, and whether the params are as it wants them.
type method func(params json.RawMessage) (result []byte, after time.Duration, ok bool)

var methods = map[string]method{
	"echo":         echo,
	"sum":          sum,
	"subtract":     subtract,
	"get_data":     func(json.RawMessage) ([]byte, time.Duration, bool) { return []byte(`["hello",5]`), 0, true },
	"update":       nothing,
	"sleep":        sleep,
	"order.place":  order("placed"),
	"order.status": order("on its way"),
}

func nothing(json.RawMessage) ([]byte, time.Duration, bool) { return []byte("null"), 0, true }

func echo(params json.RawMessage) ([]byte, time.Duration, bool) {
	if params == nil {
		return []byte("null"), 0, true
	}
	return params, 0, true
}

func sleep(params json.RawMessage) ([]byte, time.Duration, bool) {
	var p struct{ Ms int64 }
	if json.Unmarshal(params, &p) != nil || p.Ms < 0 {
		return nil, 0, false
	}
	return params, min(time.Duration(min(p.Ms, 1<<32))*time.Millisecond, maxSleep), true
}

func sum(params json.RawMessage) ([]byte, time.Duration, bool) {
	var terms []float64
	if json.Unmarshal(params, &terms) != nil {
		return nil, 0, false
	}
	var total float64
	for _, x := range terms {
		total += x
	}
	return number(total)
}

func subtract(params json.RawMessage) ([]byte, time.Duration, bool) {
	var positional []float64
	if json.Unmarshal(params, &positional) == nil && len(positional) == 2 {
		return number(positional[0] - positional[1])
	}
	var named struct{ Minuend, Subtrahend *float64 }
	if json.Unmarshal(params, &named) != nil || named.Minuend == nil || named.Subtrahend == nil {
		return nil, 0, false
	}
	return number(*named.Minuend - *named.Subtrahend)
}

func number(x float64) ([]byte, time.Duration, bool) {
	text, err := json.Marshal(x)
	return text, 0, err == nil
}

// order returns a method whose result is its params and a state.
func order(state string) method {
	return func(params json.RawMessage) ([]byte, time.Duration, bool) {
		var p map[string]json.RawMessage
		if json.Unmarshal(params, &p) != nil || p["order"] == nil {
			return nil, 0, false
		}
		p["state"], _ = json.Marshal(state)
		text, err := json.Marshal(p)
		return text, 0, err == nil
	}
}
