package hl7

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// corpora are messages that other projects have published. What is refused of them, and why, stands here; all else must pass.
var refusedCorpora = map[string]struct{ path, code string }{
	"malformed/invalid-encoding-characters.hl7":    {"MSH^1^2", "AE|102"},
	"malformed/msh-too-short.hl7":                  {}, // nothing can be answered
	"malformed/no-msh-segment.hl7":                 {},
	"malformed/empty-input.hl7":                    {},
	"vendor-quirks/duplicate-required-segment.hl7": {"MSH^2", "AE|198"},
	"vendor-quirks/missing-required-field.hl7":     {"MSH^1^9", "AR|101"},
	"vendor-quirks/segment-case.hl7":               {"", "AE|100"},
	"vendor-quirks/version-mismatch.hl7":           {"MSH^1^12", "AR|203"},
	"batch/count-mismatch.hl7":                     {"BTS^1^1", "AE|199"},
	"stream/malformed-mid-stream.hl7":              {"MSH^2", "AE|198"},
	"stream/split-across-chunks.hl7":               {"MSH^2", "AE|198"},
	"stream/mixed-terminators.hl7":                 {"MSH^2", "AE|198"},
}

// corpus returns the files of a folder, by their path in it.
func corpus(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "corpora", "hl7", folder)
	if _, err := os.Stat(root); err != nil {
		t.Skip("the corpora are not there: ", root)
	}
	files := map[string][]byte{}
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() || filepath.Ext(path) != ".hl7" {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[filepath.ToSlash(name)] = data
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", root, len(files), err)
	}
	return files
}

// strictly returns a file as it would be sent: segments end with CR, and there is no byte order mark and no framing.
func strictly(data []byte) []byte {
	data = bytes.TrimPrefix(data, byteOrderMark)
	data = bytes.TrimSuffix(bytes.TrimPrefix(data, []byte{blockStart}), []byte{blockEnd, carriage})
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\r"))
	data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r"))
	for bytes.Contains(data, []byte("\r\r")) {
		data = bytes.ReplaceAll(data, []byte("\r\r"), []byte("\r"))
	}
	return data
}

func TestCorpora(t *testing.T) {
	for _, folder := range []string{"cosyte-hl7", "ms-fhir-converter"} {
		for name, raw := range corpus(t, folder) {
			c := newCodec(t, `{}`)
			body := strictly(raw)
			m := new(protocol.Message)
			err := c.DecodeBody(protocol.FromClient, body, m)
			want, refused := refusedCorpora[name]
			switch {
			case !refused && err != nil:
				t.Errorf("%s: %v", name, err)
			case !refused && m.Kind != protocol.Batch:
				if again, err := c.AppendWithID(nil, m, nil); err != nil || !bytes.Equal(again, body) {
					t.Errorf("%s: it is forwarded as %q, %v", name, again, err)
				}
				if r := c.Police(m); r != nil && !r.Tolerated {
					t.Errorf("%s: %v", name, r.Reasons)
				}
			case refused && err == nil:
				t.Errorf("%s is accepted", name)
			case refused:
				c.refusedAs(t, name, m, err, want.path, want.code)
			}
		}
	}
}

// refusedAs holds the notice about m against where and what it must say; code is MSA-1 and the code of the error.
func (c *Codec) refusedAs(t *testing.T, name string, m *protocol.Message, err error, place, code string) {
	t.Helper()
	bad, ok := errors.AsType[*protocol.Malformed](err)
	if !ok {
		t.Fatalf("%s: %v", name, err)
	}
	notice, err := c.AppendNotice(nil, m, &protocol.Notice{Class: protocol.Fix, Cause: bad.Cause, Reasons: bad.Reasons})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if code == "" {
		if len(notice) > 0 {
			t.Errorf("%s: it is answered with %q, though nobody knows to whom", name, notice)
		}
		return
	}
	msa, number, _ := strings.Cut(code, "|")
	text := string(notice)
	if !strings.Contains(text, "\rMSA|"+msa+"|") || !strings.Contains(text, "\rERR||"+place+"|"+number+"^") {
		t.Errorf("%s: got %q, want %s and ERR at %s with %s", name, text, msa, place, number)
	}
}

// A tolerant codec takes the files as they are, framed or not, and what it forwards a strict one accepts.
func TestCorporaAsTheyAre(t *testing.T) {
	c, strict := newCodec(t, `{"tolerate": ["all"], "batch": {"headerless": true}}`), newCodec(t, `{}`)
	for _, folder := range []string{"cosyte-hl7", "ms-fhir-converter"} {
		for name, raw := range corpus(t, folder) {
			if _, refused := refusedCorpora[name]; refused {
				continue
			}
			stream := raw
			if !bytes.Contains(raw, []byte{blockEnd}) {
				stream = append(append([]byte{blockStart}, raw...), blockEnd)
			}
			var r protocol.Resume
			advance, data, err := c.Split(stream, false, &r)
			if err != nil || data == nil {
				t.Errorf("%s: %d, %v", name, advance, err)
				continue
			}
			m, again := new(protocol.Message), new(protocol.Message)
			if err := c.Decode(protocol.FromClient, data, m); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if m.Kind == protocol.Batch {
				continue
			}
			out, err := c.AppendWithID(nil, m, nil)
			if err == nil {
				err = strict.DecodeBody(protocol.FromClient, out, again)
			}
			if err != nil || !bytes.Equal(bytes.TrimRight(out, "\r"), bytes.TrimRight(strictly(raw), "\r")) {
				t.Errorf("%s: it is forwarded as %q, %v", name, out, err)
			}
		}
	}
}

// The members of a batch are each judged; one that nobody could be answered about disturbs no other.
func TestCorporaOfBatches(t *testing.T) {
	files := corpus(t, "cosyte-hl7")
	for name, want := range map[string]int{"batch/single-batch.hl7": 2, "batch/multi-batch-file.hl7": 3, "batch/malformed-mid-batch.hl7": 3} {
		c, m := newCodec(t, `{}`), new(protocol.Message)
		if err := c.DecodeBody(protocol.FromClient, strictly(files[name]), m); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		bodies, err := c.Members(m, nil)
		if err != nil || len(bodies) != want {
			t.Errorf("%s: %d messages, %v; want %d", name, len(bodies), err, want)
		}
		var answers [][]byte
		bad := 0
		for _, body := range bodies {
			one := new(protocol.Message)
			if c.DecodeBody(protocol.FromClient, body, one) != nil {
				bad++
				answers = append(answers, nil)
				continue
			}
			notice, _ := c.AppendNotice(nil, one, &protocol.Notice{Class: protocol.Later, Cause: protocol.Busy})
			answers = append(answers, notice)
		}
		if wantBad := strings.Count(name, "malformed"); bad != wantBad {
			t.Errorf("%s: %d bad messages, want %d", name, bad, wantBad)
		}
		out, err := c.AppendAnswers(nil, m.Head, answers)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		batches := bytes.Count(strictly(files[name]), []byte("BHS|"))
		if got := bytes.Count(out, []byte("BHS|")); got != batches || bytes.Count(out, []byte("\rMSA|")) != want-bad || bytes.Count(out, []byte("FTS|")) != bytes.Count(files[name], []byte("FTS|")) {
			t.Errorf("%s: answered with %q", name, out)
		}
		back := new(protocol.Message)
		if err := c.DecodeBody(protocol.FromClient, out, back); err != nil || back.Kind != protocol.Batch {
			t.Errorf("%s: the answer %q: %v, %v", name, out, back.Kind, err)
		}
	}
}

// All files in one stream, whole and byte by byte: the same frames and the same verdicts.
func TestCorporaInOneStream(t *testing.T) {
	c := newCodec(t, `{}`)
	var stream []byte
	for _, folder := range []string{"cosyte-hl7", "ms-fhir-converter"} {
		for _, raw := range corpus(t, folder) {
			stream = append(append(append(stream, blockStart), strictly(raw)...), blockEnd, carriage)
		}
	}
	verdicts := func(step int) (list []string) {
		var r protocol.Resume
		data := stream
		m := new(protocol.Message)
		for n := 0; len(data) > 0; {
			n = min(n+step, len(data))
			advance, frame, err := c.Split(data[:n:n], false, &r)
			if err != nil {
				t.Fatal(err)
			}
			if advance == 0 {
				continue
			}
			r = protocol.Resume{}
			text := "accepted"
			if err := c.Decode(protocol.FromClient, frame, m); err != nil {
				text = err.Error()
			}
			list = append(list, string(m.Name)+" "+text)
			data, n = data[advance:], 0
		}
		return list
	}
	whole, single := verdicts(len(stream)), verdicts(1)
	if len(whole) < 180 || strings.Join(whole, "\n") != strings.Join(single, "\n") {
		t.Errorf("%d frames at once and %d byte by byte, or other verdicts", len(whole), len(single))
	}
}

// minimal is profile-adt-min.json of the corpora, as it is said here.
const minimal = `{"profiles": [{"name": "example-adt-min", "others": "any", "segments": [{"segment": "MSH", "fields": {"9": {"usage": "R"}, "10": {"usage": "R"}, "12": {"usage": "R"}}}, "EVN",
	{"segment": "PID", "fields": {"3": {"usage": "R", "max": 1}, "5": {"usage": "R"}, "8": {"usage": "RE", "values": ["M", "F", "U"]}}},
	{"segment": "PV1", "fields": {"2": {"usage": "R", "values": ["I", "O", "E", "P", "R", "B", "C", "N", "U"]}}}, {"segment": "ZFA", "usage": "X"}]}]}`

// What does not conform is refused with the place and the code of what is wrong.
func TestCorporaOfConformance(t *testing.T) {
	files := corpus(t, "cosyte-hl7")
	c := newCodec(t, minimal)
	for name, want := range map[string]string{
		"conformance/adt-pass.hl7": "", "conformance/adt-cardinality.hl7": "ERR||PID^1^3^2|198^", "conformance/adt-missing-required.hl7": "ERR||PID^1^3|101^", "conformance/adt-value-not-in-set.hl7": "ERR||PID^1^8|103^",
		"vendor-quirks/out-of-order-segment.hl7": "ERR||EVN^1|", "canonical/z-segments.hl7": "",
	} {
		m, err := c.decoded(string(strictly(files[name])))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ref := c.Police(m)
		if ref == nil || want == "" {
			if ref != nil || want != "" {
				t.Errorf("%s: got %+v, want %q", name, ref, want)
			}
			continue
		}
		notice, _ := c.AppendNotice(nil, m, &protocol.Notice{Class: ref.Class, Cause: ref.Cause, Reasons: ref.Reasons})
		if text := string(notice); strings.Count(text, "\rERR|") == 0 || !strings.Contains(text, "\r"+want) || !strings.Contains(text, "\rMSA|AE|") {
			t.Errorf("%s: got %q, want %s", name, notice, want)
		}
	}
}
