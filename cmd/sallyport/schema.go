package main

import (
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/config"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration",
		Long: `Schema prints the JSON Schema of a configuration, draft 2020-12. Editors that know YAML
complete keys and mark mistakes with it: store it, and write as the first line of
your configuration

  # yaml-language-server: $schema=sallyport.schema.json`,
		Example: `  sallyport schema > sallyport.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(config.Schema())
			return err
		},
	}
}
