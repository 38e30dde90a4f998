package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
)

// talk is an ordinary client: it sends two lines and shows the line that comes back for each.
func talk(out io.Writer, address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, request := range []string{
		`{"jsonrpc":"2.0","method":"hello","params":["world"],"id":"mine"}`,
		`{"jsonrpc":"2.0","method":"delete everything","id":"mine"}`,
	} {
		if _, err := fmt.Fprintln(conn, request); err != nil {
			return err
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "-> %s\n<- %s", request, answer); err != nil {
			return err
		}
	}
	return nil
}

// dial connects the gateway with a backend in this process that gives back its params.
func dial(ctx context.Context) (net.Conn, error) {
	ours, its := net.Pipe()
	go func() {
		defer its.Close()
		requests := json.NewDecoder(its)
		for {
			var r struct{ Params, ID json.RawMessage }
			if requests.Decode(&r) != nil {
				return // the gateway has closed the connection
			}
			fmt.Fprintf(its, `{"jsonrpc":"2.0","result":%s,"id":%s}`+"\n", r.Params, r.ID)
		}
	}()
	return ours, nil
}
