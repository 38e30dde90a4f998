package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/sim"
)

func newSendCommand() *cobra.Command {
	var (
		speak   speaker
		timeout time.Duration
		linger  time.Duration
		lines   bool
		step    bool
	)
	cmd := &cobra.Command{
		Use:   "send -p PROTOCOL [ADDR] [FILE]",
		Short: "Send messages and show what comes back, frame by frame",
		Long: `Send connects to ADDR, sends the messages in FILE ("-" or nothing is the standard
input) and shows each frame that goes out and that comes back, with the time since
the start. It waits for every answer: the exit status is 1 if one is missing.

With --lines, which is the default but for generic, each line of FILE is one message:
its body in JSON-RPC, a command and its arguments in RESP, and in Modbus unit, function,
address, and a quantity to read or the values to write. Otherwise FILE is sent as it is, and must be
in that framing. With -c it speaks what clients of a route speak, and ADDR is
where the route listens if you leave it out ("-" then still is the standard input).`,
		Example: `  echo '{"jsonrpc":"2.0","method":"echo","params":[1],"id":1}' | sallyport send 127.0.0.1:7000
  sallyport send -c examples/fixed/sallyport.yaml examples/fixed/messages/valid.txt`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			spoken, err := speak.load(cmd.Context())
			if err != nil {
				return err
			}
			address, name := "", "-"
			if len(args) == 2 {
				address, name = args[0], args[1]
			} else if spoken.route == nil {
				if len(args) == 0 {
					return errors.New("nothing says where to send to: give ADDR, or a configuration with -c FILE")
				}
				address = args[0]
			} else {
				address = spoken.route.Listen
				if len(args) == 1 {
					name = args[0]
				}
			}
			if !cmd.Flags().Changed("lines") {
				_, typed := spoken.codec.(sim.Typed)
				lines = typed || spoken.codec.Traits().Name == "jsonrpc"
			}
			input, err := open(cmd, name)
			if err != nil {
				return err
			}
			defer input.Close()
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			network, address := splitAddress(address)
			dialer := net.Dialer{Timeout: timeout}
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return fmt.Errorf("%w\nIs something listening there? \"sallyport sim\" and \"sallyport run\" print their addresses", err)
			}
			s := sim.Sender{Codec: spoken.codec, Lines: lines, Timeout: timeout, Linger: linger, Step: step}
			return s.Run(ctx, cmd.OutOrStdout(), conn, input)
		},
	}
	flags := cmd.Flags()
	speak.flags(cmd)
	flags.DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the answers")
	flags.DurationVar(&linger, "linger", 0, "how long to listen after the last answer")
	flags.BoolVar(&step, "step", false, "send each message only when those before it are answered")
	flags.BoolVar(&lines, "lines", false, "each line of FILE is one message without framing (default for jsonrpc)")
	return cmd
}

// open opens a file, or the standard input if name is "-".
func open(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(name)
}
