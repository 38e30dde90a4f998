// Command minimal embeds sallyport: a gateway for JSON-RPC in front of a backend in the
// same process. One request goes through and one does not; what comes back is shown.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/validate"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	codec, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		return err
	}
	rules, err := validate.Compile(codec, []validate.Rule{{Allow: []string{"hello"}}}, validate.Options{})
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{Routes: []gateway.Route{{
		Name:     "minimal",
		Listen:   "127.0.0.1:0",
		Codec:    codec,
		Rules:    rules,
		Backends: []gateway.BackendConfig{{Name: "backend", Dial: dial}},
	}}})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx) }()
	err = talk(out, g.Addr("minimal").String())
	stop()
	return errors.Join(err, <-served)
}
