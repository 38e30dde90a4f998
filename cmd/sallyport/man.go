package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newManCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "Print the manual page of a command, or write all of them",
		Long: `Man prints the manual page of COMMAND, or of sallyport itself, in the language of man(7).
With --dir it writes the pages of all commands into a folder.`,
		Example: `  sallyport man check | man -l -
  sallyport man --dir /usr/local/share/man/man1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if dir == "" {
				about, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usageError{fmt.Errorf("there is no command %q", strings.Join(args, " "))}
				}
				_, err = fmt.Fprint(cmd.OutOrStdout(), page(about))
				return err
			}
			if len(args) > 0 {
				return usageError{errors.New("--dir writes the pages of all commands, name none")}
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			return writePages(root, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write one file for each command into this folder")
	return cmd
}

func writePages(cmd *cobra.Command, dir string) error {
	if !shown(cmd) {
		return nil
	}
	if err := os.WriteFile(filepath.Join(dir, pageName(cmd)+".1"), []byte(page(cmd)), 0o644); err != nil {
		return err
	}
	for _, sub := range cmd.Commands() {
		if err := writePages(sub, dir); err != nil {
			return err
		}
	}
	return nil
}

// page returns the manual page of cmd.
func page(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" sallyport \"Sallyport Manual\"\n", quoteRoff(strings.ToUpper(pageName(cmd))))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	b.WriteString(".SH DESCRIPTION\n")
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	paragraphs(&b, text)
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, ".SH ALIASES\n%s\n", roff(strings.Join(cmd.Aliases, ", ")))
	}
	flags(&b, "OPTIONS", cmd.NonInheritedFlags())
	flags(&b, "GLOBAL OPTIONS", cmd.InheritedFlags())
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", lines(cmd.Example))
	}
	if cmd == cmd.Root() {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range cmd.Commands() {
			if shown(sub) {
				fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(pageName(sub)), roff(sub.Short))
			}
		}
		b.WriteString(".SH EXIT STATUS\n.TP\n0\nAll is right.\n.TP\n1\nSomething is wrong, and was told.\n.TP\n2\nThe command line is wrong.\n")
	} else {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageName(cmd.Parent())))
	}
	return b.String()
}

func shown(cmd *cobra.Command) bool { return !cmd.Hidden && cmd.Name() != "help" }

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func flags(b *strings.Builder, title string, set *pflag.FlagSet) {
	first := true
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if first {
			fmt.Fprintf(b, ".SH %s\n", title)
			first = false
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, ".TP\n.B %s", roff(name))
		if value != "" {
			fmt.Fprintf(b, " %s", roff(value))
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, "\n%s\n", roff(usage))
	})
}

// paragraphs writes text. Indented lines stay lines of their own.
func paragraphs(b *strings.Builder, text string) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(part, "  ") || strings.Contains(part, ":  ") {
			fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", lines(part))
			continue
		}
		fmt.Fprintf(b, ".PP\n%s\n", lines(part))
	}
}

func lines(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, roff(line))
	}
	return strings.Join(out, "\n")
}

// roff escapes one line: a backslash, a hyphen that is meant as one, and a line that
// would be taken for a request.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}

func quoteRoff(s string) string { return `"` + roff(s) + `"` }
