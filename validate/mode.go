package validate

import "fmt"

// Mode is what a violated rule does.
type Mode uint8

const (
	// Enforce refuses the message. It is the default.
	Enforce Mode = iota
	// Warn lets it pass; the Observer hears of it and is to say so loudly.
	Warn
	// Observe lets it pass; the Observer hears of it and is to count.
	Observe
)

var modeNames = [...]string{"enforce", "warn", "observe"}

// String returns the mode's name in a configuration.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "invalid"
}

// ParseMode returns the mode that is called name.
func ParseMode(name string) (Mode, bool) {
	for i, n := range modeNames {
		if n == name {
			return Mode(i), true
		}
	}
	return 0, false
}

// MarshalText writes the mode's name.
func (m Mode) MarshalText() ([]byte, error) {
	if int(m) >= len(modeNames) {
		return nil, fmt.Errorf("there is no mode %d", m)
	}
	return []byte(modeNames[m]), nil
}

// UnmarshalText reads a mode's name.
func (m *Mode) UnmarshalText(text []byte) error {
	mode, ok := ParseMode(string(text))
	if !ok {
		return fmt.Errorf("there is no mode %q (did you mean enforce, warn or observe?)", text)
	}
	*m = mode
	return nil
}
