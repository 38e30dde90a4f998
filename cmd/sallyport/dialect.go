package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/dialects"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

func newDialectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dialect",
		Short: "Show dialects of ISO 8583, and import those of other products",
		Long: `A dialect says how a host writes the fields of ISO 8583. A route names one that is
built in (` + strings.Join(dialect.Names(), ", ") + `) or a file that declares one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDialectShowCommand(), newDialectImportCommand())
	return cmd
}

func newDialectShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Print a dialect as a declaration, whole",
		Long: `Show prints every field of a dialect that is built in, or that a file declares on top of
one: what a file of your own can begin with.`,
		Example: `  sallyport dialect show 1987-binary > host.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, ok := dialect.Find(args[0])
			if !ok {
				if !(dialect.Ref{}).FromFile(args[0]) {
					return fmt.Errorf("there is no dialect %q; there are %s, or the name of a file with a dot or a slash in it", args[0], strings.Join(dialect.Names(), ", "))
				}
				var err error
				if d, err = config.Dialect(args[0], os.LookupEnv); err != nil {
					return err
				}
			}
			_, err := cmd.OutOrStdout().Write(dialects.YAML(d.Declaration()))
			return err
		},
	}
}

func newDialectImportCommand() *cobra.Command {
	return newImportCommand(&cobra.Command{
		Short: "Make a declaration of a specification of moov-io/iso8583 or a packager of jPOS",
		Long: `Import reads a field specification of moov-io/iso8583 (JSON) or a packager of jPOS (XML)
and prints a declaration. What cannot be expressed, or not with the same meaning, is
said on the standard error, and the exit status is then 1 unless there is --lenient.`,
		Example: `  sallyport dialect import packager.xml > host.yaml`,
	}, func(data []byte) ([]byte, []string, error) {
		decl, lost, err := dialects.Import(data)
		if err != nil {
			return nil, nil, err
		}
		return dialects.YAML(decl), lost, nil
	})
}
