package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/protocol"
)

func newLearnCommand() *cobra.Command {
	var (
		speak  speaker
		values bool
	)
	cmd := &cobra.Command{
		Use:   "learn -c CONFIG [FILE]",
		Short: "Propose rules from what a route has seen",
		Long: `Learn reads the requests that a mirror of a route has written as lines (FILE, "-" or nothing is
the standard input) and proposes the options of the route's protocol that let pass what is there, and nothing
else. They go under "protocol" in the configuration; look at each of them before.

To have such a file, let the route pass everything for a while and give it a mirror:

    mirror: [{ to: file:/var/lib/sallyport/seen.jsonl }]

Values that were written are not looked at without --values.`,
		Example: `  sallyport learn -c plant.yaml --route plant seen.jsonl`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spoken, err := speak.load(cmd.Context())
			if err != nil {
				return err
			}
			codec, ok := spoken.codec.(protocol.Learning)
			if !ok {
				return usageError{fmt.Errorf("%s has no rules of its own that could be learnt; it can for modbus, resp and hl7", spoken.codec.Traits().Name)}
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
			learner := codec.Learn()
			if values {
				learner.KeepValues()
			}
			seen, err := learn(spoken.codec, learner, input)
			if err != nil {
				return err
			}
			if seen.requests == 0 {
				return fmt.Errorf("there is no request in %d lines that %s could read", seen.lines, spoken.codec.Traits().Name)
			}
			out := fmt.Appendf(nil, "# from %d requests", seen.requests)
			if seen.unread > 0 {
				out = fmt.Appendf(out, "; %d others could not be read", seen.unread)
			}
			_, err = cmd.OutOrStdout().Write(learner.AppendOptions(append(out, '\n')))
			return err
		},
	}
	speak.flags(cmd)
	cmd.Flags().BoolVar(&values, "values", false, "bound the values that may be written to those that were")
	return cmd
}

// seen counts what learn has read.
type seen struct{ lines, requests, unread int }

// line is the part of a mirror's line that learn needs.
type line struct {
	What   string `json:"what"`
	Body   string `json:"body"`
	Body64 string `json:"body64"`
}

func learn(codec protocol.Codec, learner protocol.Learner, r io.Reader) (seen, error) {
	var s seen
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) > 0 {
			s.lines++
			var l line
			if bad := json.Unmarshal(text, &l); bad != nil {
				return s, fmt.Errorf("line %d is no line of a mirror: %w", s.lines, bad)
			}
			if l.What == "request" || l.What == "one-way" {
				s.add(codec, learner, &l)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return s, nil
		case err != nil:
			return s, err
		}
	}
}

func (s *seen) add(codec protocol.Codec, learner protocol.Learner, l *line) {
	body := []byte(l.Body)
	if l.Body64 != "" {
		body, _ = base64.StdEncoding.DecodeString(l.Body64) // what is wrong cannot be read below
	}
	var m protocol.Message
	if codec.DecodeBody(protocol.FromClient, body, &m) != nil || m.Kind != protocol.Request && m.Kind != protocol.OneWay {
		s.unread++
		return
	}
	s.requests++
	learner.Add(&m)
}
