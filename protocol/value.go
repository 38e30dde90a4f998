package protocol

import "strconv"

// Getter takes one value out of a message that its codec has decoded. It is false
// if the message does not have it. It allocates only for text that must be unescaped.
type Getter func(m *Message) (Value, bool)

// Value is one field of a message.
type Value struct {
	Type ValueType
	// Text is the value as text: unescaped, unquoted; of a Number its digits; of a List
	// or a Map nothing.
	Text []byte
	// Raw is the value as it stands in the frame.
	Raw []byte
	// Off is where Raw begins, in bytes from the start of Message.Frame.
	Off int
}

// ValueType tells what a value is.
type ValueType uint8

const (
	// Missing is the type of no value.
	Missing ValueType = iota
	// Null is an explicit null.
	Null
	// Bool has the Text true or false.
	Bool
	// Number has decimal digits in Text, perhaps with sign, fraction and exponent.
	Number
	// String is text.
	String
	// Bytes is binary data; Text is the data itself.
	Bytes
	// List and Map are values with parts; only Raw is set.
	List
	// Map is described at List.
	Map
)

var typeNames = [...]string{"nothing", "null", "a boolean", "a number", "text", "bytes", "a list", "an object"}

// String says what kind of thing it is, for a person.
func (t ValueType) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "something unknown"
}

// Float returns the number that v is, or that its text says.
func (v Value) Float() (float64, bool) {
	if v.Type != Number && v.Type != String || len(v.Text) == 0 || len(v.Text) > 64 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v.Text), 64)
	return f, err == nil
}
