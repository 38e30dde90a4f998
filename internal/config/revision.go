package config

import (
	"crypto/sha256"
	"encoding/hex"
)

// revision says what stands at the places in list, with what was included and expanded there, and what beside is of it: the
// same says the same. Where the keys of a mapping stand, and comments, do not matter. It gives no value away.
func (l *loader) revision(beside [][]byte, list ...path) string {
	h := sha256.New()
	part := func(p []byte) {
		sum := sha256.Sum256(p)
		h.Write(sum[:])
	}
	for _, p := range list {
		if n, ok := l.root.find(p); ok {
			part(n.marshal(p, nil))
		} else {
			part(nil)
		}
	}
	for _, p := range beside {
		part(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
