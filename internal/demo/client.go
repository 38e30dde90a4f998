package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// patience is how long a client listens before the demo gives up.
const patience = 5 * time.Second

// client is one that talks JSON-RPC in lines, and knows nothing of gateways.
type client struct {
	name string
	conn net.Conn
	r    *bufio.Reader
}

func dial(name string, door net.Addr) (*client, error) {
	conn, err := net.DialTimeout(door.Network(), door.String(), patience)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &client{name: name, conn: conn, r: bufio.NewReader(conn)}, nil
}

// request returns a JSON-RPC request.
func request(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s,"id":%d}`, method, params, id)
}

func (c *client) send(text string) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write([]byte(text + "\n")); err != nil {
		return fmt.Errorf("%s sends: %w", c.name, err)
	}
	return nil
}

// heard is one line that a client got: an answer, a refusal or a notification.
type heard struct {
	text   string
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Retry   string   `json:"retry"`
			Outcome string   `json:"outcome"`
			Reasons []reason `json:"reasons"`
		} `json:"data"`
	} `json:"error"`
}

// reason is one thing that is wrong with a request.
type reason struct {
	Path    string `json:"path"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

func (c *client) hear() (heard, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := c.r.ReadString('\n')
	if err != nil {
		return heard{}, fmt.Errorf("%s listens: %w", c.name, err)
	}
	h := heard{text: line[:len(line)-1]}
	if err := json.Unmarshal([]byte(line), &h); err != nil {
		return heard{}, fmt.Errorf("%s got a line that is not JSON: %w", c.name, err)
	}
	return h, nil
}
