package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/codecs"
	"github.com/sallyport/sallyport/protocol"
)

// codec makes the codec of the route at p. It is nil if that is not possible, which is
// reported.
func (l *loader) codec(route path, limits protocol.Limits) protocol.Codec {
	p := route.join("protocol")
	n, ok := l.root.find(p)
	if !ok || n.kind != mapping || l.wrong(p) || l.wrongInList(p) {
		return nil
	}
	options, _ := n.value(p, l.wrong).(map[string]any)
	return l.make(route, p, options, limits)
}

// wrongInList reports whether something in a list at or below p is wrong. Left out it
// would change the place of all that follow.
func (l *loader) wrongInList(p path) bool {
	for _, f := range l.mistakes {
		if f.path != nil && f.path.within(p) && slices.ContainsFunc(f.path[len(p):], isIndex) {
			return true
		}
	}
	return false
}

// backendCodec makes the codec of the route with the framing of a backend.
func (l *loader) backendCodec(route path, framing *node, p path, limits protocol.Limits) protocol.Codec {
	protocol := route.join("protocol")
	n, _ := l.root.find(protocol)
	options, _ := n.value(protocol, l.wrong).(map[string]any)
	options = maps.Clone(options)
	options["framing"] = framing.value(nil, nil)
	return l.make(route, p[:len(p)-1], options, limits)
}

// make makes a codec of options, which stand at p.
func (l *loader) make(route, p path, options map[string]any, limits protocol.Limits) protocol.Codec {
	name, _ := options["name"].(string)
	entry, ok := codecs.Find(name)
	if !ok {
		return nil // the schema has said so
	}
	options = maps.Clone(options)
	delete(options, "name")
	codec, err := entry.New(func(into any) error { return strictly(options, into) }, limits)
	if err == nil {
		return codec
	}
	known := slices.Clone(l.mistakes)
	for _, m := range flat(err, "") {
		l.codecMistake(route, p, m, known)
	}
	return nil
}

// codecMistake reports one mistake of a codec's options, which begins with its path in
// the options, unless it follows from what was known.
func (l *loader) codecMistake(route, p path, message string, known []found) {
	if strings.HasPrefix(message, "limits.") {
		p = route // they are not the codec's own
	}
	at := p
	for {
		head, rest, ok := strings.Cut(message, ": ")
		step, isPath := parsePath(head)
		if !ok || !isPath || strings.ToLower(head) != head {
			break
		}
		at, message = at.join(step...), rest
	}
	if related(known, at) {
		return
	}
	hint := ""
	if before, after, ok := strings.Cut(message, " (did you mean "); ok && strings.HasSuffix(after, ")") {
		message, hint = before, "did you mean "+strings.TrimSuffix(after, ")")
	}
	l.add(at, l.place(at), message, hint)
}

// strictly decodes options and refuses what into does not know.
func strictly(options map[string]any, into any) error {
	data, err := json.Marshal(options)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if e.Field != "" {
			return errors.New(e.Field + ": " + jsonError(err))
		}
		return errors.New(jsonError(err))
	}
	return err
}

// flat returns the messages that err holds, one for each line of it, with what was put
// in front of a list in front of each.
func flat(err error, prefix string) (messages []string) {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		var parts []error
		switch list := inner.(type) {
		case interface{ Unwrap() []error }:
			parts = list.Unwrap()
		case interface{ WrappedErrors() []error }:
			parts = list.WrappedErrors()
		default:
			continue
		}
		front, ok := strings.CutSuffix(err.Error(), inner.Error())
		if !ok {
			front = ""
		}
		for _, part := range parts {
			messages = append(messages, flat(part, prefix+front)...)
		}
		return messages
	}
	return slices.Collect(func(yield func(string) bool) {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if line != "" && !yield(prefix+line) {
				return
			}
		}
	})
}
