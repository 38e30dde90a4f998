//go:build !race

package orders

// raced says that the race detector is on.
const raced = false
