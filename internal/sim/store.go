package sim

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/sallyport/sallyport/protocol"
)

// Store is a simulated Redis that knows a few commands: PING, ECHO, GET, SET, DEL, EXISTS, INCR and MGET. It is safe for
// concurrent use.
type Store struct {
	codec protocol.Codec

	mu     sync.Mutex
	values map[string]string
}

// Handle answers a request.
func (s *Store) Handle(m *protocol.Message) Answer {
	args := s.arguments(m)
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]string{}
	}
	switch string(m.Name) {
	case "PING":
		return says("+PONG\r\n")
	case "ECHO":
		return says(bulk(arg(0), true))
	case "GET":
		v, ok := s.values[arg(0)]
		return says(bulk(v, ok))
	case "SET":
		s.values[arg(0)] = arg(1)
		return says("+OK\r\n")
	case "INCR":
		n, err := strconv.Atoi(s.values[arg(0)])
		if err != nil && s.values[arg(0)] != "" {
			return says("-ERR value is not an integer or out of range\r\n")
		}
		s.values[arg(0)] = strconv.Itoa(n + 1)
		return says(fmt.Sprintf(":%d\r\n", n+1))
	case "DEL", "EXISTS":
		n := 0
		for _, k := range args {
			if _, ok := s.values[k]; ok {
				n++
			}
			if string(m.Name) == "DEL" {
				delete(s.values, k)
			}
		}
		return says(fmt.Sprintf(":%d\r\n", n))
	case "MGET":
		text := fmt.Sprintf("*%d\r\n", len(args))
		for _, k := range args {
			v, ok := s.values[k]
			text += bulk(v, ok)
		}
		return says(text)
	}
	return says("-ERR this is a simulator, which does not know this command\r\n")
}

func (s *Store) arguments(m *protocol.Message) (args []string) {
	for i := 1; ; i++ {
		get, err := s.codec.Getter("arg." + strconv.Itoa(i))
		if err != nil {
			return args
		}
		v, ok := get(m)
		if !ok {
			return args
		}
		args = append(args, string(v.Text))
	}
}

func bulk(text string, ok bool) string {
	if !ok {
		return "$-1\r\n"
	}
	return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
}

func says(text string) Answer { return Answer{Body: []byte(text)} }
