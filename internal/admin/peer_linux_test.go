package admin

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Another user is not answered, even where the mode of the socket lets him in.
func TestAnotherUserIsNotAnswered(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("it takes root to be somebody else, and curl")
	}
	dir, err := os.MkdirTemp("/tmp", "sallyport")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "admin")
	listen(t, "unix:"+path, &fake{})
	for name, mode := range map[string]os.FileMode{dir: 0o755, path: 0o666} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	for uid, want := range map[uint32]string{0: "ok", 65534: ""} {
		cmd := exec.CommandContext(t.Context(), curl, "-sS", "--max-time", "5", "--unix-socket", path, "http://localhost/healthz")
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.Output()
		if strings.TrimSpace(string(out)) != want || (err == nil) != (want != "") {
			t.Errorf("user %d: got %q, %v", uid, out, err)
		}
	}
}
