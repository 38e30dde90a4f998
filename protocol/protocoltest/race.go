//go:build race

package protocoltest

const raceEnabled = true
