package resp

import "github.com/sallyport/sallyport/protocol"

// Paths are the fields that tell a person what a message is.
func (c *Codec) Paths() []string { return []string{"cmd", "nargs", "nkeys", "type", "err.code"} }

// AppendTyped appends the request that a person means by a line of words, as redis-cli takes them.
func (c *Codec) AppendTyped(dst, line []byte, _ int) ([]byte, error) {
	var m protocol.Message
	body, err := c.words(line, &m)
	if err != nil {
		return dst, err
	}
	return append(dst, body...), nil
}
