package config

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// size is a number of bytes: 4096, "64KiB", "10MB".
type size int

// count is a number of things, at least 1.
type count int

// duration is a length of time, which may be 0: "250ms", "1m30s".
type duration time.Duration

// timeout is a duration that is more than 0.
type timeout time.Duration

// patience is a timeout that may also be "never", which is -1.
type patience time.Duration

const (
	sizePattern     = `^[0-9]+(\.[0-9]+)?(B|kB|KB|MB|GB|KiB|MiB|GiB)?$`
	durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`
	maxSize         = 1 << 40
	never           = "never"
)

var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1},
}

var (
	errSize     = errors.New("want a size such as 4096, 64KiB or 1MiB")
	errDuration = errors.New("want a duration such as 250ms, 10s or 5m")
)

// UnmarshalJSON reads a number of bytes or a text with a unit.
func (s *size) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	for _, unit := range units {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(digits, 64)
		if n *= unit.bytes; err != nil || n < 1 || n > maxSize || n != math.Trunc(n) {
			return errSize
		}
		*s = size(n)
		return nil
	}
	return errSize
}

// UnmarshalJSON reads a text with units, or 0.
func (d *duration) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text != "0" {
		if err := json.Unmarshal(data, &text); err != nil {
			return errDuration
		}
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return errDuration
	}
	*d = duration(v)
	return nil
}

// UnmarshalJSON reads a text with units.
func (t *timeout) UnmarshalJSON(data []byte) error {
	var d duration
	if err := d.UnmarshalJSON(data); err != nil || d == 0 {
		return errDuration
	}
	*t = timeout(d)
	return nil
}

// UnmarshalJSON reads a text with units, or "never".
func (p *patience) UnmarshalJSON(data []byte) error {
	if string(data) == `"never"` {
		*p = -1
		return nil
	}
	return (*timeout)(p).UnmarshalJSON(data)
}

func (size) schema() def {
	return def{"size", errSize.Error()[len("want "):], object{
		"type": []any{"integer", "string"}, "minimum": 1, "maximum": maxSize, "pattern": sizePattern,
		"description": "A number of bytes, or a text with a unit: 4096, 64KiB, 10MB.",
	}}
}

func (count) schema() def {
	return def{"count", "a whole number of at least 1", object{
		"type": "integer", "minimum": 1, "maximum": math.MaxInt32, "description": "A whole number of at least 1.",
	}}
}

func (duration) schema() def {
	return def{"duration", errDuration.Error()[len("want "):], object{
		"type": []any{"string", "integer"}, "pattern": durationPattern, "minimum": 0, "maximum": 0,
		"description": "A length of time with its unit, such as 250ms, 10s or 1m30s, or 0.",
	}}
}

func (timeout) schema() def {
	return def{"timeout", errDuration.Error()[len("want "):] + ", more than 0", object{
		"type": "string", "allOf": []any{object{"pattern": durationPattern}, object{"pattern": "[1-9]"}},
		"description": "A length of time with its unit, more than 0, such as 250ms, 10s or 1m30s.",
	}}
}

func (patience) schema() def {
	return def{"patience", errDuration.Error()[len("want "):] + ", or never", object{
		"type": "string", "allOf": []any{object{"pattern": durationPattern + "|^never$"}, object{"pattern": "[1-9]|^never$"}},
		"description": "A length of time with its unit, more than 0, or never.",
	}}
}
