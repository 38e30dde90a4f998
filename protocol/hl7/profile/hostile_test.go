package profile

import (
	"strings"
	"testing"
	"time"
)

// A message of a few hundred kilobytes is not made to take seconds: where a deviation is, and whether a condition holds, is found
// once and not for each repetition. The bounds are a hundred times what it takes.
func TestWorkIsLinear(t *testing.T) {
	long := func(last string) []string {
		l := []string{header}
		for range 19990 {
			l = append(l, "OBX|1")
		}
		return append(l, last)
	}
	for name, c := range map[string]struct {
		profile string
		message []string
		reasons int
	}{
		"wrong repetitions late in a message":        {`{"segments":["MSH",{"segment":"OBX","max":"*","fields":{"5":{"values":["A"]}}}]}`, long("OBX|||||" + strings.Repeat("x~", 100_000)), mostReasons},
		"a condition on a segment that is not there": {`{"segments":["MSH",{"segment":"OBX","max":"*","fields":{"5":{"usage":"C","when":{"path":"PV1-2","in":["I"]}}}}],"others":"any"}`, long("OBX|1"), 0},
		"the same in each repetition":                {`{"segments":["MSH",{"segment":"OBX","max":"*","fields":{"5":{"components":{"2":{"usage":"C","when":{"path":"PV1-2","in":["I"]}}}}}}],"others":"any"}`, long("OBX|||||" + strings.Repeat("x~", 100_000)), 0},
		"a condition behind the repetitions":         {`{"segments":["MSH",{"segment":"OBX","max":"*","fields":{"5":{"components":{"2":{"usage":"C","when":{"path":"OBX-11","in":["I"]}}}}}}],"others":"any"}`, []string{header, "OBX|||||" + strings.Repeat("x~", 100_000) + "||||||F"}, 0},
	} {
		began := time.Now()
		got := compiled(t, c.profile).AppendReasons(nil, texts(c.message...))
		if took := time.Since(began); len(got) != c.reasons || took > 3*time.Second {
			t.Errorf("%s: %d reasons in %v, want %d", name, len(got), took, c.reasons)
		}
	}
}

// Delimiters and blanks alone are no value, a condition means the first component as a table does, and escape sequences stand for
// what they mean.
func TestVerdictsOnOddValues(t *testing.T) {
	p := `{"segments":["MSH",{"segment":"PID","fields":{"3":{"usage":"R"},"5":{"usage":"R","components":{"1":{"usage":"R"}}},"10":{},
		"11":{"usage":"C","when":{"path":"PID-10","in":["Y"]}},"12":{"values":["A&B"]},"13":{"length":2}}}]}`
	good := "PID|||1||A|||||N||A\\T\\B|\\F\\\\F\\"
	for line, want := range map[string]string{
		good:                             "",
		"PID|||^^^~^^||A":                "PID-3",
		"PID|||  ||A":                    "PID-3",
		"PID|||1||&^J":                   "PID-5.1",
		"PID|||1||A|||||Y^x":             "PID-11",
		"PID|||1||A|||||\\X59\\":         "PID-11",
		"PID|||1||A|||||Y|x":             "",
		"PID|||\"\"||A":                  "",
		"PID|||1||A|||||N|||\\F\\\\F\\x": "PID-13",
	} {
		var got []string
		for _, r := range compiled(t, p).AppendReasons(nil, texts(header, line)) {
			got = append(got, r.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}
