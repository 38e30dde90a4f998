package main

import (
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/config"
)

func newSchemaCommand() *cobra.Command {
	dialect := false
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration",
		Long: `Schema prints the JSON Schema of a configuration, draft 2020-12. Editors that know YAML
complete keys and mark mistakes with it: store it, and write as the first line of
your configuration

  # yaml-language-server: $schema=sallyport.schema.json

With --dialect it is that of a file that declares a dialect of ISO 8583.`,
		Example: `  sallyport schema > sallyport.schema.json
  sallyport schema --dialect > dialect.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := config.Schema
			if dialect {
				text = config.DialectSchema
			}
			_, err := cmd.OutOrStdout().Write(text())
			return err
		},
	}
	cmd.Flags().BoolVar(&dialect, "dialect", false, "the schema of a dialect of ISO 8583")
	return cmd
}
