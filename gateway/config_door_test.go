package gateway

import "testing"

func TestARouteThatLeadsToItself(t *testing.T) {
	for _, test := range []struct {
		listen, address string
		want            bool
	}{
		{"127.0.0.1:7000", "127.0.0.1:7000", true}, {":7000", "127.0.0.1:7000", true}, {"0.0.0.0:7000", "localhost:7000", true}, {"[::]:7000", "[::1]:7000", true}, {"localhost:7000", "127.0.0.1:7000", true},
		{"unix:/a", "unix:/a", true}, {"unix:/a", "unix:/b", false}, {"127.0.0.1:7000", "127.0.0.1:7001", false}, {":7000", "10.0.0.1:7000", false}, {"127.0.0.1:7000", "unix:/a", false},
		{"10.0.0.2:7000", "127.0.0.1:7000", false}, {"127.0.0.1:0", "127.0.0.1:0", false}, {"", "127.0.0.1:1", false},
	} {
		if got := sameDoor(test.listen, test.address); got != test.want {
			t.Errorf("%s to %s: got %v, want %v", test.listen, test.address, got, test.want)
		}
	}
}
