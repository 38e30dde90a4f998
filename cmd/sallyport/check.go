package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/config"
)

func newCheckCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "check [-c FILE] [FILE...]",
		Aliases: []string{"validate", "lint"},
		Short:   "Check configurations and show every mistake with its place",
		Long: `Check reads each FILE as run would, without opening a port or a connection, and prints
every mistake as

  file:line:col: what: what is wrong (what to do)

Variables and files that the configuration mentions must be there. What comes from
them is never shown. A FILE of - is standard input. What is right and could be better
is a note:

  file: note: route: rule: what it is

The exit status is 0 if all is right, 1 if anything is wrong and 2 if the command
line is. It is also called validate and lint, and sallyport -t does the same.`,
		Example: `  sallyport check sallyport.yaml
  sallyport check --json examples/*/sallyport.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return checkFiles(cmd, files(file, args), asJSON)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration to check")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// checked is the result for one file, as --json prints it.
type checked struct {
	File     string           `json:"file"`
	OK       bool             `json:"ok"`
	Routes   []string         `json:"routes,omitempty"`
	Notes    []string         `json:"notes,omitempty"` // what is right, and could be better
	Mistakes []config.Mistake `json:"mistakes,omitempty"`
	More     int              `json:"more,omitempty"`  // mistakes that were left out
	Error    string           `json:"error,omitempty"` // if the file could not be read
}

func checkFiles(cmd *cobra.Command, names []string, asJSON bool) error {
	if len(names) == 0 {
		return usageError{errors.New("there is no file to check: name one, as in sallyport check FILE")}
	}
	var results []checked
	failed := false
	for _, name := range names {
		r := checkFile(name)
		results = append(results, r)
		failed = failed || !r.OK
		if asJSON {
			continue
		}
		switch {
		case r.OK:
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok: %s\n", name, routes(len(r.Routes)))
			for _, note := range r.Notes {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: note: %s\n", name, note)
			}
		case r.Error != "":
			fmt.Fprintf(cmd.ErrOrStderr(), "sallyport: %s\n", r.Error)
		default:
			fmt.Fprintln(cmd.ErrOrStderr(), (&config.Error{Mistakes: r.Mistakes, More: r.More}).Error())
		}
	}
	if asJSON {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(results); err != nil {
			return err
		}
	}
	if failed {
		return errTold
	}
	return nil
}

func checkFile(name string) checked {
	r := checked{File: name}
	f, err := config.Load(name, os.LookupEnv)
	if err == nil {
		r.OK = true
		c := f.Config()
		for i := range c.Routes {
			r.Routes = append(r.Routes, c.Routes[i].Name)
			for _, note := range c.Routes[i].Rules.Notes() {
				r.Notes = append(r.Notes, "route "+c.Routes[i].Name+": "+note)
			}
		}
		return r
	}
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		r.Mistakes, r.More = wrong.Mistakes, wrong.More
		return r
	}
	r.Error = err.Error()
	return r
}

func routes(n int) string {
	if n == 1 {
		return "1 route"
	}
	return fmt.Sprintf("%d routes", n)
}
