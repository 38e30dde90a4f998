// Package hospital tests the example in this folder, with clients and information systems that others have made: Debian's
// python3-hl7, and node-hl7-client and simple-hl7 of npm.
package hospital

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/peertest"
	"github.com/sallyport/sallyport/internal/sim"
)

// python is the interpreter for which Debian's packages are.
const python = "/usr/bin/python3"

// open runs the example in front of an information system.
func open(t *testing.T, his string) (g *gateway.Gateway, wards, monitors string) {
	t.Helper()
	g, at := peertest.Gateway(t, "sallyport.yaml", map[string][]string{"wards": {his}, "monitors": {his}})
	return g, at["wards"], at["monitors"]
}

// script returns a command that runs one of the scripts with a package of npm, or skips the test.
func script(t *testing.T, name, npm, variable string, args ...string) *exec.Cmd {
	t.Helper()
	folder := os.Getenv(variable)
	if folder == "" {
		t.Skipf("%s does not name the folder in which npm has installed %s", variable, npm)
	}
	cmd := exec.Command(peertest.Need(t, "node"), append([]string{filepath.Join("testdata", name)}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(folder, "node_modules"))
	return cmd
}

// lab returns one that sends n admissions and then a batch, and device one that reports n results.
func lab(t *testing.T, address, sender string, n int) *exec.Cmd {
	t.Helper()
	host, port := cut(t, address)
	return script(t, "lab.js", "node-hl7-client", "SALLYPORT_NODE_HL7_CLIENT", host, port, sender, fmt.Sprint(n))
}

func device(t *testing.T, address, sender string, n int) *exec.Cmd {
	t.Helper()
	host, port := cut(t, address)
	return script(t, "device.js", "simple-hl7", "SALLYPORT_SIMPLE_HL7", host, port, sender, fmt.Sprint(n))
}

// simpleHIS starts the information system of simple-hl7, or skips the test.
func simpleHIS(t *testing.T) string {
	t.Helper()
	at := peertest.Free(t)
	host, port := cut(t, at)
	peertest.Start(t, at, script(t, "his.js", "simple-hl7", "SALLYPORT_SIMPLE_HL7", host, port))
	return at
}

// his starts the information system of python3-hl7, or skips the test.
func his(t *testing.T) string {
	t.Helper()
	if exec.Command(python, "-c", "import hl7.mllp").Run() != nil {
		t.Skip("there is no python3-hl7 here")
	}
	at := peertest.Free(t)
	host, port := cut(t, at)
	peertest.Start(t, at, exec.Command(python, filepath.Join("testdata", "his.py"), host, port))
	return at
}

func cut(t *testing.T, address string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// mllpSend sends a file with Debian's mllp_send, and returns what that hears, a segment in a line. With the option --loose it makes
// messages of the text; otherwise what stands there in frames is sent as it is.
func mllpSend(t *testing.T, address, text string, options ...string) string {
	t.Helper()
	program := peertest.Need(t, "mllp_send")
	file := filepath.Join(t.TempDir(), "messages.hl7")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port := cut(t, address)
	out := peertest.Output(t, exec.Command(program, append(options, "--port", port, "--file", file, host)...))
	return strings.ReplaceAll(out, "\r", "\n")
}

func admission(sender, id, name string) string {
	return fmt.Sprintf("MSH|^~\\&|%s|NORTH|HIS|HOSP|20261123083000||ADT^A01^ADT_A01|%s|P|2.5\nEVN|A01|20261123083000\nPID|1||4711^^^HOSP^MR||%s||19700101|F\nPV1|1|I|W1^101^A\n", sender, id, name)
}

// An ordinary client works unchanged: of each message it hears what the information system says, or why it is wrong.
func TestAnOrdinaryClient(t *testing.T) {
	system := his(t)
	g, wards, _ := open(t, system)
	bad := strings.Replace(admission("LAB", "2", "MUSTER^ANNA"), "4711", "", 1)
	strange := strings.Replace(admission("LAB", "3", "MUSTER^ANNA"), "ADT^A01^ADT_A01", "ADT^A40", 1)
	got := mllpSend(t, wards, admission("LAB", "1", "FIRST^ONE")+bad+strange+admission("LAB", "4", "LAST^ONE"), "--loose")
	for _, want := range []string{"MSA|AA|1|FIRST^ONE", "MSA|AE|2|", "ERR||PID^1^3^1^1|101^", "MSA|AR|3|", "ERR||MSH^1^9|200^", "MSA|AA|4|LAST^ONE"} {
		if !strings.Contains(got, want) {
			t.Errorf("the client hears\n%s\nwant %s", got, want)
		}
	}
	if c := g.Snapshot().Routes[0].Counters; c.Answered != 2 || c.Refused != 2 {
		t.Errorf("answered %d, refused %d; want 2 and 2", c.Answered, c.Refused)
	}
}

// A batch is answered as one, though the information system has never heard of batches.
func TestABatchFromAnOrdinaryClient(t *testing.T) {
	system := his(t)
	g, wards, _ := open(t, system)
	members := admission("LAB", "1", "FIRST^ONE") + strings.Replace(admission("LAB", "2", "MUSTER^ANNA"), "4711", "", 1) + admission("LAB", "3", "LAST^ONE")
	batch := strings.ReplaceAll("BHS|^~\\&|LAB|NORTH|HIS|HOSP|20261123083000||||B7\n"+members+"BTS|3\n", "\n", "\r")
	got := mllpSend(t, wards, "\x0b"+batch+"\x1c\r")
	at := 0
	for _, want := range []string{"BHS|", "|B7\nMSH|", "MSA|AA|1|FIRST^ONE\nMSH|", "MSA|AE|2|", "ERR||PID^1^3^1^1|101^", "MSA|AA|3|LAST^ONE\nBTS|3\n"} {
		i := strings.Index(got[at:], want)
		if i < 0 {
			t.Fatalf("the client hears\n%q\nwant %q behind byte %d", got, want, at)
		}
		at += i
	}
	if c := g.Snapshot().Routes[0].Counters; c.Answered != 2 || c.Refused != 1 {
		t.Errorf("answered %d, refused %d; want 2 and 1", c.Answered, c.Refused)
	}
}

// Twenty clients begin with the same control id. Each hears its own answer, and the information system, which stops at the
// first mistake, goes on.
func TestTwentyClientsWithTheSameControlID(t *testing.T) {
	system := his(t)
	g, wards, _ := open(t, system)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			name := fmt.Sprintf("NONCE%d^X", i)
			if got := mllpSend(t, wards, admission(fmt.Sprint("DEV", i), "1", name), "--loose"); !strings.Contains(got, "MSA|AA|1|"+name) {
				t.Errorf("client %d hears\n%s", i, got)
			}
		})
	}
	wg.Wait()
	if c := g.Snapshot().Routes[0].Counters; c.Answered != 20 || c.Unknown != 0 {
		t.Errorf("answered %d, unknown %d; want 20 and 0", c.Answered, c.Unknown)
	}
}

// A monitor that ends its lines with a line feed and forgets the end of a frame is understood, and the information system gets
// what it knows.
func TestAnOldMonitor(t *testing.T) {
	_, _, monitors := open(t, his(t))
	conn, err := net.Dial("tcp", monitors)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	for i := range 3 {
		if _, err := fmt.Fprintf(conn, "\x0b%s\x1c", admission("MON", fmt.Sprint(i), "PULSE^X")); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for buf := make([]byte, 4096); !strings.HasSuffix(string(got), "\x1c\r"); {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			got = append(got, buf[:n]...)
		}
		if !strings.Contains(string(got), fmt.Sprintf("MSA|AA|%d|PULSE^X", i)) {
			t.Errorf("message %d: got %q", i, got)
		}
	}
}

// Laboratories and devices, unchanged and all with the same control ids, at two doors to either information system: each hears
// what is said of its own, single messages and batches alike, and what is wrong stops nobody.
func TestClientsAndInformationSystemsOfOthers(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(*testing.T) string
	}{{"python3-hl7", his}, {"simple-hl7", simpleHIS}} {
		t.Run(c.name, func(t *testing.T) {
			g, wards, monitors := open(t, c.start(t))
			const labs, devices, n = 4, 4, 20
			var wg sync.WaitGroup
			run := func(cmd *exec.Cmd, want string) {
				wg.Go(func() {
					if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
						t.Errorf("%s: %v: got %q, want %q", filepath.Base(cmd.Args[1]), err, out, want)
					}
				})
			}
			for i := range labs {
				run(lab(t, wards, fmt.Sprint("LAB", i), n), fmt.Sprintf("accepted %d, refused %d\n", n-n/5+2, n/5+1))
			}
			for i := range devices {
				run(device(t, monitors, fmt.Sprint("DEV", i), n), fmt.Sprintf("accepted %d\n", n))
			}
			wg.Wait()
			routes := g.Snapshot().Routes
			for i, want := range []struct{ answered, refused uint64 }{{labs * (n - n/5 + 2), labs * (n/5 + 1)}, {devices * n, 0}} {
				got := routes[i].Counters
				if got.Answered != want.answered || got.Refused != want.refused || got.Unknown+got.Late+got.Doubled != 0 {
					t.Errorf("%s: want %+v, got %+v", routes[i].Name, want, got)
				}
			}
		})
	}
}

// The lines of the README.
func TestMessagesOfTheExample(t *testing.T) {
	f, err := config.Load("sallyport.yaml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	codec := f.Config().Routes[0].Codec
	backend, address, err := sim.Listen(codec, sim.BackendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	g, wards, _ := open(t, address)
	input, err := os.Open("messages.hl7")
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	conn, err := net.Dial("tcp", wards)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := sim.Sender{Codec: codec, Timeout: 20 * time.Second, Step: true, Untimed: true}
	if err := s.Run(t.Context(), &out, conn, input); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"MSA|AA|1001", "MSA|AA|1002", "MSA|AE|1003", "ERR||PID^1^3^1^1|101^", "ERR||PID^1^7|102^", "ERR||PID^1^8|103^", "ERR||PV1^1^3|101^", "MSA|AR|1004", "MSA|AE|1005", "ERR||ZPI^1|", "MSA|AE|1006", "MSA|AA|1007", "MSA|AE|1008", "BTS|2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %s in\n%s", want, &out)
		}
	}
	for _, patient := range []string{"MUSTER", "ANNA", "4711", "4712", "19700101", "1970-01-01"} {
		if strings.Contains(out.String(), patient) {
			t.Errorf("%s is shown", patient)
		}
	}
	if c := g.Snapshot().Routes[0].Counters; c.Answered != 4 || c.Refused != 4 {
		t.Errorf("answered %d, refused %d; want 4 and 4", c.Answered, c.Refused)
	}
}
