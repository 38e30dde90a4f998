// Package logging makes the program's one logger: a line for each event that cannot
// be forged from outside, and a writer that nobody waits for.
package logging

import (
	"io"
	"time"

	"github.com/sirupsen/logrus"
)

// New returns a logger that writes on w, and what must be closed at the end so that
// the last lines are written. Level is the name of a logrus level and format "text"
// or "json"; what is not known is taken for info and text. No call of the logger
// waits for w: what w is too slow for is dropped and counted (see [Writer]).
func New(level, format string, w io.Writer) (*logrus.Logger, io.Closer) {
	l := logrus.New()
	l.SetLevel(logrus.InfoLevel)
	if parsed, err := logrus.ParseLevel(level); err == nil {
		l.SetLevel(parsed)
	}
	var f logrus.Formatter = Text{}
	if format == "json" {
		f = JSON{}
	}
	l.SetFormatter(f)
	out := NewWriter(w, func(dropped uint64) []byte {
		line, _ := f.Format(&logrus.Entry{ // neither formatter fails
			Time: time.Now(), Level: logrus.WarnLevel, Data: logrus.Fields{"dropped": dropped},
			Message: "log lines were dropped, because the output does not take them as fast as they come",
		})
		return line
	})
	l.SetOutput(out)
	return l, out
}
