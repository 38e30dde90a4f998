package validate_test

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/validate"
)

const request = `{"jsonrpc":"2.0","id":7,"method":"order.place","params":{"item":"pen","qty":0}}` + "\n"

// With a real codec a place is a byte of the frame, and what a rule costs is still nothing.
func TestRulesOverJSONRPC(t *testing.T) {
	codec, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var m protocol.Message
	if err := codec.Decode(protocol.FromClient, []byte(request), &m); err != nil {
		t.Fatal(err)
	}
	one := 1.0
	p, err := validate.Compile(codec, []validate.Rule{
		{Schema: &validate.Schema{Document: []byte(`{"$defs": {"order.place": {"properties": {"qty": {"minimum": 1}}}}}`)}},
		{Field: &validate.Field{Path: "/params/qty", Min: &one}},
		{Expr: `field("/params/qty") > 0`},
	}, validate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, ok := errors.AsType[*validate.Failure](p.Validator(nil).Validate(&m))
	if !ok || len(f.Reasons()) != 3 {
		t.Fatalf("got %v, want three reasons", f)
	}
	for _, r := range f.Reasons() {
		if r.Path != "/params/qty" || r.Off < 0 || request[r.Off] != '0' || r.Off < 20 {
			t.Errorf("got %s at %d", r.Path, r.Off)
		}
	}

	p, err = validate.Compile(codec, []validate.Rule{
		{Allow: []string{"order.place"}},
		{Field: &validate.Field{Path: "/params/qty", Required: true, Type: "integer"}},
	}, validate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Validator(nil)
	if got := testing.AllocsPerRun(100, func() { _ = c.Validate(&m) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
