// Package orders tests the example in this folder.
package orders

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/golden"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/internal/sim/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMessagesGetWhatTheReadmeSays(t *testing.T) {
	s := stage.Open(t, "sallyport.yaml", stage.Options{Backend: sim.BackendOptions{Jitter: 5 * time.Millisecond, Reorder: 4}})
	for _, name := range []string{"valid", "wrong", "batch"} {
		golden.Equal(t, filepath.Join("testdata", name+".txt"), s.Send(t, filepath.Join("messages", name+".json"), true))
	}
}

// TestPlainLinesOverTCP is a client as netcat is: it knows nothing but lines.
func TestPlainLinesOverTCP(t *testing.T) {
	s := stage.Open(t, "sallyport.yaml", stage.Options{})
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	// CR LF, and two requests in one write, the second in two.
	if _, err := conn.Write([]byte(`{"jsonrpc":"2.0","method":"echo","params":["a"],"id":"x"}` + "\r\n" + `{"jsonrpc":"2.0","meth`)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if got, err := r.ReadString('\n'); got != `{"jsonrpc":"2.0","result":["a"],"id":"x"}`+"\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := conn.Write([]byte(`od":"echo","params":["b"],"id":"x"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.ReadString('\n'); got != `{"jsonrpc":"2.0","result":["b"],"id":"x"}`+"\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestManyClientsWithEqualIDs is the main job: every nonce comes back to its own client.
func TestManyClientsWithEqualIDs(t *testing.T) {
	s := stage.Open(t, "sallyport.yaml", stage.Options{Backend: sim.BackendOptions{Seed: 5, Jitter: 3 * time.Millisecond, Reorder: 7, Batch: 5}})
	speech, err := sim.JSONRPC(s.Codec)
	if err != nil {
		t.Fatal(err)
	}
	load := sim.Load{Codec: s.Codec, Speech: speech, Dial: sim.DialTCP(s.Address()), Clients: 50, Requests: 40, Seed: 5,
		Linger: 20 * time.Millisecond}
	stats, err := load.Run(context.Background())
	if err != nil {
		t.Error(err)
	}
	if stats.Answered != 2000 {
		t.Errorf("got %d answers, want 2000: %+v", stats.Answered, stats)
	}
	if got := s.Backend.Stats().Connections; got > 2 {
		t.Errorf("got %d backend connections, want 2 at most", got)
	}
}

// TestVSCodeJSONRPC talks through vscode-jsonrpc, a client of others, in Content-Length
// framing, to a backend that speaks lines.
func TestVSCodeJSONRPC(t *testing.T) {
	folder := os.Getenv("SALLYPORT_VSCODE_JSONRPC")
	if folder == "" {
		t.Skip("SALLYPORT_VSCODE_JSONRPC does not name the folder in which npm has installed vscode-jsonrpc")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node:", err)
	}
	script, err := filepath.Abs("testdata/client.js")
	if err != nil {
		t.Fatal(err)
	}
	s := stage.Open(t, "testdata/content-length.yaml", stage.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, script, s.Address())
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(folder, "node_modules"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{`{"order":"A-17","state":"on its way"}`, `-32602 /params/item /params/quantity`, `[1,2]`}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSpecificationExamples sends the 15 examples of section 7 of the specification.
func TestSpecificationExamples(t *testing.T) {
	const path = "../../../shared/corpora/jsonrpc/spec-examples/section7.json"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skip("the examples are not beside this repository:", err)
	}
	var file struct {
		Vectors []struct {
			Name, Send string
			Expect     json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 15 {
		t.Fatalf("got %d examples, want 15", len(file.Vectors))
	}
	s := stage.Open(t, "testdata/open.yaml", stage.Options{})
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	for _, v := range file.Vectors {
		// One message is one line here; a line break of the example is white space of JSON. The
		// request after it shows that nothing else came back.
		after := `{"jsonrpc":"2.0","method":"echo","params":["after"],"id":"after"}`
		if _, err := conn.Write([]byte(strings.ReplaceAll(v.Send, "\n", " ") + "\n")); err != nil {
			t.Fatal(err)
		}
		if string(v.Expect) != "null" {
			got, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			if !sameAnswer(t, []byte(got), v.Expect) {
				t.Errorf("%s: got %s, want %s", v.Name, got, v.Expect)
			}
		}
		if _, err := conn.Write([]byte(after + "\n")); err != nil {
			t.Fatal(err)
		}
		if got, err := r.ReadString('\n'); got != `{"jsonrpc":"2.0","result":["after"],"id":"after"}`+"\n" {
			t.Fatalf("%s: then got %q, %v", v.Name, got, err)
		}
	}
}

// sameAnswer compares by member, arrays in any order, and without the data of errors,
// which the specification leaves to the server.
func sameAnswer(t *testing.T, got, want []byte) bool {
	t.Helper()
	return canonical(t, got) == canonical(t, want)
}

func canonical(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	members, batch := v.([]any)
	if !batch {
		members = []any{v}
	}
	var lines []string
	for _, m := range members {
		if object, ok := m.(map[string]any); ok {
			if failure, ok := object["error"].(map[string]any); ok {
				delete(failure, "data")
			}
		}
		line, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	slices.Sort(lines)
	if batch {
		return "batch " + strings.Join(lines, " ")
	}
	return lines[0]
}
