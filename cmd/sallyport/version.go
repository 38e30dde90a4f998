package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand() *cobra.Command {
	var verbose, asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and with -v what it was built of",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := version()
			if !verbose {
				v.Modules, v.Settings = nil, nil
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(v)
			}
			v.print(cmd.OutOrStdout())
			return nil
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "list the modules and the settings of the build")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// build is what the program knows about how it was built.
type build struct {
	Version  string            `json:"version"` // a tag, or "(devel)"
	Revision string            `json:"revision,omitempty"`
	Time     string            `json:"time,omitempty"` // of the revision
	Modified bool              `json:"modified,omitempty"`
	Go       string            `json:"go"`
	Platform string            `json:"platform"`
	Settings map[string]string `json:"settings,omitempty"`
	Modules  []module          `json:"modules,omitempty"`
}

type module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

func version() build {
	v := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Settings: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		case "-buildmode", "-compiler", "-tags", "-trimpath", "CGO_ENABLED":
			v.Settings[s.Key] = s.Value
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		v.Modules = append(v.Modules, module{m.Path, m.Version})
	}
	return v
}

func (v build) print(w io.Writer) {
	fmt.Fprintf(w, "sallyport %s, %s, %s\n", v.Version, v.Go, v.Platform)
	if v.Modules == nil && v.Settings == nil {
		return
	}
	if v.Revision != "" {
		state := ""
		if v.Modified {
			state = ", with local changes"
		}
		fmt.Fprintf(w, "revision  %s of %s%s\n", v.Revision, v.Time, state)
	}
	for _, key := range []string{"-buildmode", "-compiler", "-tags", "-trimpath", "CGO_ENABLED"} {
		if value, ok := v.Settings[key]; ok {
			fmt.Fprintf(w, "setting   %s=%s\n", key, value)
		}
	}
	for _, m := range v.Modules {
		fmt.Fprintf(w, "module    %s %s\n", m.Path, m.Version)
	}
}
