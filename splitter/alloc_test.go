//go:build !race

package splitter_test

import (
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
)

// Under the race detector a sync.Pool forgets on purpose.
func TestSplitAllocatesNothingWhenMemoryComesBack(t *testing.T) {
	c := jsonCodec(t)
	s := splitter.New(c)
	var m protocol.Message
	if err := c.Decode(protocol.FromBackend, []byte(`[{"jsonrpc":"2.0","result":1,"id":11},{"jsonrpc":"2.0","result":2,"id":12}]`+"\n"), &m); err != nil {
		t.Fatal(err)
	}
	var parts []splitter.Part
	step := func() { parts, _ = s.Split(&m, parts) }
	step()
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
