//go:build race

package orders

// raced says that the race detector is on, which makes everything about ten times slower.
const raced = true
