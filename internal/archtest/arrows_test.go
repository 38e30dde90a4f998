package archtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layer is the packages that may import the same. A pattern that ends in /... is a
// folder and all below it, one that ends in /* the folders in it.
type layer struct {
	packages string
	ours     []string // packages of this module
	theirs   []string // modules
	silent   bool     // neither log nor log/slog: errors are returned
}

// layers says which imports are drawn. The first layer that fits a package is its own.
var layers = []layer{
	{packages: "protocol", silent: true},
	{packages: "protocol/frame", ours: []string{"protocol"}, silent: true},
	{packages: "protocol/protocoltest", ours: []string{"protocol"}, silent: true},
	{packages: "protocol/hl7/er7", ours: []string{"protocol"}, silent: true},
	{packages: "protocol/hl7/profile", ours: []string{"protocol", "protocol/hl7/er7"}, silent: true},
	{packages: "protocol/hl7", ours: []string{"protocol", "protocol/frame", "protocol/hl7/er7", "protocol/hl7/profile"}, silent: true},
	{packages: "protocol/iso8583/dialect", silent: true},
	{packages: "protocol/iso8583", ours: []string{"protocol", "protocol/frame", "protocol/iso8583/dialect"}, silent: true},
	{packages: "protocol/*", ours: []string{"protocol", "protocol/frame"}, silent: true},
	{packages: "tunnel", silent: true},
	{packages: "tunnel/tunneltest", ours: []string{"tunnel"}, silent: true},
	{packages: "validate/schema", silent: true},
	{packages: "validate", ours: []string{"protocol", "validate/schema"}, theirs: []string{multierror, jsonschema, expr}, silent: true},
	{packages: "splitter", ours: []string{"protocol"}, silent: true},
	{packages: "gateway", ours: library, theirs: []string{fsm, logrus, multierror}},
	{packages: "internal/golden", theirs: []string{cmp}},
	{packages: "internal/admin", ours: []string{"gateway"}, theirs: []string{prometheus}},
	{packages: "internal/...", ours: append([]string{"gateway", "protocol/...", "tunnel/...", "internal/..."}, library...),
		theirs: []string{logrus, multierror, yaml, jsonschema, expr}},
	{packages: "cmd/...", ours: []string{"..."}, theirs: []string{logrus, multierror, cobra, pflag, systemd}},
	{packages: "examples/...", ours: []string{"..."}},
	{packages: "bench/...", ours: []string{"..."}},
}

var library = []string{"tunnel", "validate", "splitter", "protocol"}

const (
	fsm        = "github.com/looplab/fsm"
	multierror = "github.com/hashicorp/go-multierror"
	logrus     = "github.com/sirupsen/logrus"
	jsonschema = "github.com/santhosh-tekuri/jsonschema/v6"
	expr       = "github.com/expr-lang/expr"
	yaml       = "github.com/goccy/go-yaml"
	cobra      = "github.com/spf13/cobra"
	pflag      = "github.com/spf13/pflag"
	systemd    = "github.com/coreos/go-systemd/v22"
	prometheus = "github.com/prometheus/client_golang"
	cmp        = "github.com/google/go-cmp"
)

// inTests are the modules that the tests of every package may import as well. Of the
// packages of this module a test may import all but programs.
var inTests = []string{cmp, "pgregory.net/rapid", "go.uber.org/goleak", "github.com/rogpeppe/go-internal"}

func TestArrows(t *testing.T) {
	for _, s := range sources(t) {
		for _, wrong := range imports(s) {
			t.Error(wrong)
		}
	}
}

// imports returns what is wrong with the imports of s, each with the file, the import
// and the rule.
func imports(s *source) (wrong []string) {
	l, ok := layerOf(s.pkg)
	if !ok {
		return []string{fmt.Sprintf("%s: package %s is not in the design: no layer of internal/archtest has it", s.name, s.pkg)}
	}
	for _, spec := range s.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			name = spec.Path.Value
		}
		if rule, ok := l.allows(name, s.test); !ok {
			wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", s.at(spec.Pos()), name, rule))
		}
	}
	return wrong
}

func layerOf(pkg string) (layer, bool) {
	for _, l := range layers {
		if fits(l.packages, pkg) {
			return l, true
		}
	}
	return layer{}, false
}

// allows returns the rule that forbids the import, if one does.
func (l layer) allows(name string, test bool) (rule string, ok bool) {
	who := l.packages
	if test {
		who = "a test of " + who
	}
	if pkg, ours := strings.CutPrefix(name, module+"/"); ours {
		if test {
			return who + " imports no program", !fits("cmd/...", pkg) && !fits("examples/...", pkg)
		}
		rule = fmt.Sprintf("%s imports of this module only %s", who, enumerate(l.ours))
		return rule, slices.ContainsFunc(l.ours, func(p string) bool { return fits(p, pkg) })
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		if l.silent && !test && (name == "log" || name == "log/slog") {
			return who + " never logs, it returns errors", false
		}
		return "", name != "C"
	}
	theirs := l.theirs
	if test {
		theirs = append(slices.Clone(theirs), inTests...)
	}
	rule = fmt.Sprintf("%s imports of other modules only %s", who, enumerate(theirs))
	return rule, slices.ContainsFunc(theirs, func(m string) bool { return name == m || strings.HasPrefix(name, m+"/") })
}

func enumerate(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// fits tells whether pattern is one for pkg.
func fits(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == dir || strings.HasPrefix(pkg, dir+"/")
	}
	if dir, ok := strings.CutSuffix(pattern, "/*"); ok {
		rest, ok := strings.CutPrefix(pkg, dir+"/")
		return ok && !strings.Contains(rest, "/")
	}
	return pattern == pkg
}

func TestArrowsFindsWhatIsNotDrawn(t *testing.T) {
	const ours = module + "/"
	for _, c := range []struct {
		file, path string
		drawn      bool
	}{
		{"protocol/message.go", "strconv", true},
		{"protocol/message.go", fsm, false},
		{"protocol/message.go", ours + "tunnel", false},
		{"protocol/message.go", ours + "protocol/frame", false},
		{"protocol/message.go", "log", false},
		{"protocol/message_test.go", "log", true},
		{"protocol/message_test.go", "pgregory.net/rapid", true},
		{"protocol/message_test.go", fsm, false},
		{"protocol/frame/frame.go", ours + "protocol", true},
		{"protocol/frame/frame.go", ours + "protocol/jsonrpc", false},
		{"protocol/jsonrpc/codec.go", ours + "protocol", true},
		{"protocol/jsonrpc/codec.go", ours + "protocol/frame", true},
		{"protocol/jsonrpc/codec.go", ours + "protocol/generic", false},
		{"protocol/jsonrpc/codec.go", ours + "protocol/protocoltest", false},
		{"protocol/jsonrpc/codec_test.go", ours + "protocol/protocoltest", true},
		{"protocol/jsonrpc/deep/codec.go", "strconv", false},
		{"protocol/protocoltest/suite.go", ours + "protocol", true},
		{"protocol/protocoltest/suite.go", ours + "protocol/generic", false},
		{"tunnel/held.go", "sync", true},
		{"tunnel/held.go", "log/slog", false},
		{"tunnel/held.go", "C", false},
		{"tunnel/held.go", ours + "protocol", false},
		{"tunnel/held.go", "golang.org/x/sys/unix", false},
		{"tunnel/held_test.go", "go.uber.org/goleak", true},
		{"tunnel/tunneltest/pipe.go", ours + "tunnel", true},
		{"tunnel/tunneltest/pipe.go", ours + "gateway", false},
		{"validate/rule.go", multierror, true},
		{"validate/rule.go", expr + "/vm", true},
		{"validate/rule.go", expr + "ess", false},
		{"validate/rule.go", logrus, false},
		{"validate/rule.go", ours + "splitter", false},
		{"splitter/splitter.go", ours + "protocol", true},
		{"splitter/splitter.go", multierror, false},
		{"gateway/session.go", ours + "tunnel", true},
		{"gateway/session.go", fsm, true},
		{"gateway/session.go", ours + "protocol/jsonrpc", false},
		{"gateway/session.go", ours + "protocol/frame", false},
		{"gateway/session.go", ours + "internal/config", false},
		{"gateway/session.go", yaml, false},
		{"gateway/session.go", cobra, false},
		{"gateway/session_test.go", ours + "protocol/jsonrpc", true},
		{"gateway/session_test.go", ours + "internal/faultproxy", true},
		{"gateway/session_test.go", ours + "cmd/sallyport", false},
		{"internal/config/load.go", yaml, true},
		{"internal/config/load.go", ours + "gateway", true},
		{"internal/config/load.go", ours + "protocol/generic", true},
		{"internal/config/load.go", ours + "internal/codecs", true},
		{"internal/config/load.go", ours + "examples/minimal", false},
		{"internal/config/load.go", fsm, false},
		{"internal/config/load.go", cobra, false},
		{"internal/golden/golden.go", cmp + "/cmp", true},
		{"internal/golden/golden.go", ours + "gateway", false},
		{"internal/sim/sim.go", cmp + "/cmp", false},
		{"cmd/sallyport/main.go", cobra, true},
		{"cmd/sallyport/main.go", ours + "internal/config", true},
		{"cmd/sallyport/main.go", fsm, false},
		{"cmd/sallyport/main.go", yaml, false},
		{"examples/minimal/main.go", ours + "gateway", true},
		{"examples/minimal/main.go", logrus, false},
		{"bench/echo.go", ours + "tunnel", true},
		{"extra/more.go", "strconv", false},
		{"main.go", "strconv", false},
	} {
		wrong := imports(fake(t, c.file, "import _ "+strconv.Quote(c.path)))
		if got := len(wrong) == 0; got != c.drawn {
			t.Errorf("%s -> %s: got drawn %v, want %v", c.file, c.path, got, c.drawn)
		}
		for _, w := range wrong {
			if !strings.HasPrefix(w, c.file) {
				t.Errorf("got %q, want it to begin with the file, %s", w, c.file)
			}
		}
	}
}

func TestArrowsNamesFileImportAndRule(t *testing.T) {
	got := imports(fake(t, "splitter/splitter.go", "\nimport \"strconv\"\nimport _ \""+logrus+"\"\nimport _ \""+module+"/tunnel\""))
	want := []string{
		"splitter/splitter.go:4 imports " + logrus + ": splitter imports of other modules only none",
		"splitter/splitter.go:5 imports " + module + "/tunnel: splitter imports of this module only protocol",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
