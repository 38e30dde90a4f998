package frame

import (
	"strings"
	"testing"
)

const clientHello = "\x16\x03\x01\x00\x09\x01\x00\x00\x05\x03\x03abc"

func TestFaultA09OtherProtocolsAreNamed(t *testing.T) {
	http := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	post := "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
	all := []string{`{"kind":"fixed","size":400}`, `{"kind":"length","width":4,"encoding":"ebcdic"}`, `{"preset":"bin2","order":"little"}`}
	for _, name := range Presets() {
		all = append(all, `"`+name+`"`)
	}
	for _, framing := range all {
		f := declare(t, framing)
		for data, want := range map[string]string{clientHello: "TLS", http: "HTTP", post: "HTTP", "SSH-2.0-OpenSSH_9.6\r\n": "SSH"} {
			if framing == `"etx"` && want == "TLS" {
				continue // its second byte is the end of a frame, which the codec then refuses
			}
			frames, fault := split(t, f, []byte(data))
			if fault == nil || fault.Foreign != want || len(frames) > 0 {
				t.Errorf("%s, %s: got %q, %v", framing, want, frames, fault)
				continue
			}
			if _, second := split(t, f, single(data)...); second == nil || *second != *fault {
				t.Errorf("%s, %s, one byte at a time: got %v, want %v", framing, want, second, fault)
			}
		}
	}
}

func TestWhatOnlyBeginsLikeAnotherProtocolIsAFrame(t *testing.T) {
	for _, v := range []struct{ framing, data string }{
		{`"lines"`, "GET key1\n"}, {`"crlf"`, "PUT key1 value\r\n"}, {`"etx"`, "SSH-x\x03"}, {`{"kind":"fixed","size":6}`, "GET ab"},
		{`"bin2"`, "\x16\x03" + strings.Repeat("\x02", 0x1603)}, {`{"preset":"bin2","order":"little"}`, "GE" + strings.Repeat("T", 'E'<<8|'G')},
		{`{"kind":"delimiter","end":"hex:00"}`, "\x16\x03\x01abc\x00"}, {`"etx"`, "GET a\x03 HTTP/1.1\r\x03"},
	} {
		for _, chunks := range [][][]byte{{[]byte(v.data)}, single(v.data)} {
			if frames, fault := split(t, declare(t, v.framing), chunks...); fault != nil || len(frames) == 0 {
				t.Errorf("%s, %q: got %d frames, %v", v.framing, v.data[:6], len(frames), fault)
			}
		}
	}
}
