package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
)

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// Text is a logrus.Formatter for a person: one line for an event, in which the message
// and every text value are quoted, whether or not the output is a terminal.
type Text struct{}

// JSON is a logrus.Formatter for programs: one object for an event, on one line.
type JSON struct{}

var (
	_ logrus.Formatter = Text{}
	_ logrus.Formatter = JSON{}
)

// Format returns the line, its end included.
func (Text) Format(e *logrus.Entry) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %-7s %s", e.Time.Format(timeFormat), e.Level.String(), quoted(Clean(e.Message, MaxText)))
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		b.WriteByte(' ')
		b.WriteString(bare(key))
		b.WriteByte('=')
		switch v := scalar(e.Data[key]).(type) {
		case string:
			b.WriteString(quoted(v))
		default:
			fmt.Fprint(&b, v)
		}
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// Format returns the line, its end included. A field that is called as one of the
// three that every line has gets "field." in front.
func (JSON) Format(e *logrus.Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	pair(&b, "time", e.Time.Format(timeFormat))
	b.WriteByte(',')
	pair(&b, "level", e.Level.String())
	b.WriteByte(',')
	pair(&b, "msg", Clean(e.Message, MaxText))
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		b.WriteByte(',')
		name := Clean(key, maxKey)
		if name == "time" || name == "level" || name == "msg" {
			name = "field." + name
		}
		pair(&b, name, scalar(e.Data[key]))
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

func pair(b *bytes.Buffer, key string, value any) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	// Neither can fail: the values are scalars. Encode ends with a line break, which goes.
	_ = enc.Encode(key)
	b.Truncate(b.Len() - 1)
	b.WriteByte(':')
	_ = enc.Encode(value)
	b.Truncate(b.Len() - 1)
}

// quoted returns s, which is clean, in quotes. Letters of any script stay readable.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}

// bare returns key as it stands in front of its value, in quotes if it would be
// mistaken for two.
func bare(key string) string {
	key = Clean(key, maxKey)
	if key == "" || strings.ContainsAny(key, " =\"\\") {
		return strconv.Quote(key)
	}
	return key
}
