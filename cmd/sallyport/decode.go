package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

func newDecodeCommand() *cobra.Command {
	var (
		speak  speaker
		from   string
		values bool
		fields []string
	)
	cmd := &cobra.Command{
		Use:   "decode -p PROTOCOL [FILE]",
		Short: "Explain bytes: frames, fields, what would be refused and why",
		Long: `Decode reads FILE ("-" or nothing is the standard input) and explains each frame:
where it begins, how long it is, what kind of message it holds, its fields, and
what the gateway would refuse and why. Bytes of fields are counted from the frame,
and in a batch from the member. With -c the rules of a route are applied
too. What fields hold is shown with --values only. The exit status is 1 if
anything would be refused.`,
		Example: `  sallyport decode -p jsonrpc --framing content-length capture.bin
  sallyport decode -c examples/fixed/sallyport.yaml --values examples/fixed/messages/valid.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, ok := map[string]protocol.Direction{"client": protocol.FromClient, "backend": protocol.FromBackend}[from]
			if !ok {
				return fmt.Errorf("--from %s: want client or backend", from)
			}
			spoken, err := speak.load(cmd.Context())
			if err != nil {
				return err
			}
			e := sim.Explainer{Codec: spoken.codec, Dir: dir, Paths: fields, Values: values}
			if dir == protocol.FromBackend {
				e.Codec, _ = spoken.backend()
			} else {
				e.Refuse = refusals(spoken)
			}
			for _, path := range fields {
				if _, err := e.Codec.Getter(path); err != nil {
					return fmt.Errorf("--field %s: %w", path, err)
				}
			}
			name := "-"
			if len(args) == 1 {
				name = args[0]
			}
			input, err := open(cmd, name)
			if err != nil {
				return err
			}
			defer input.Close()
			out := bufio.NewWriter(cmd.OutOrStdout())
			found, err := e.Run(out, terminated(e.Codec, input))
			if err := errors.Join(err, out.Flush()); err != nil {
				return err
			}
			switch {
			case found.Lost:
				return fmt.Errorf("out of step after %d frames; another --framing may fit", found.Frames)
			case found.Refused > 0:
				return fmt.Errorf("frames: %d, refused: %d", found.Frames, found.Refused)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	speak.flags(cmd)
	flags.StringVar(&from, "from", "client", "who has sent the bytes: client or backend")
	flags.BoolVar(&values, "values", false, "show what the fields hold, and not only what kind of thing it is")
	flags.StringArrayVar(&fields, "field", nil, "show this field only; may be given several times")
	return cmd
}

// terminated adds the line break that people leave out at the end of a file, if that
// ends a frame of codec.
func terminated(codec protocol.Codec, r io.Reader) io.Reader {
	frame, err := codec.CloseFrame(append(codec.OpenFrame(nil, nil), '0'), 0)
	if err != nil || !bytes.Equal(frame, []byte("0\n")) {
		return r
	}
	return &lastLine{r: r}
}

// lastLine is r, ended by a line break.
type lastLine struct {
	r    io.Reader
	last byte // 0 before the first one
	done bool
}

func (l *lastLine) Read(p []byte) (int, error) {
	if l.done || len(p) == 0 {
		return 0, io.EOF
	}
	n, err := l.r.Read(p)
	if n > 0 {
		l.last = p[n-1]
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	l.done = true
	if l.last == '\n' || l.last == 0 {
		return 0, io.EOF
	}
	p[0] = '\n'
	return 1, nil
}

// refusals returns a function that says why the codec's own rules, or those of the route, refuse a message.
func refusals(s *spoken) func(m *protocol.Message) []protocol.Reason {
	policing, _ := s.codec.(protocol.Policing)
	rules := func(*protocol.Message) []protocol.Reason { return nil }
	if s.route != nil && s.route.Rules != nil {
		rules = refusal(s.route.Rules)
	}
	return func(m *protocol.Message) []protocol.Reason {
		if policing != nil {
			if r := policing.Police(m); r != nil && !r.Observed {
				return r.Reasons
			}
		}
		return rules(m)
	}
}

// refusal returns a function that says why rules refuse a message.
func refusal(rules *validate.Program) func(m *protocol.Message) []protocol.Reason {
	checker := rules.Validator(nil)
	return func(m *protocol.Message) []protocol.Reason {
		err := checker.Validate(m)
		var failure *validate.Failure
		if errors.As(err, &failure) {
			return failure.Reasons()
		}
		if err != nil {
			return []protocol.Reason{{Off: -1, Rule: "internal"}}
		}
		return nil
	}
}
