package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/config"
)

func newSchemaCommand() *cobra.Command {
	dialect, profile := false, false
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration",
		Long: `Schema prints the JSON Schema of a configuration, draft 2020-12. Editors that know YAML
complete keys and mark mistakes with it: store it, and write as the first line of
your configuration

  # yaml-language-server: $schema=sallyport.schema.json

With --dialect it is that of a file that declares a dialect of ISO 8583, and with
--profile that of one that says what HL7 messages look like.`,
		Example: `  sallyport schema > sallyport.schema.json
  sallyport schema --dialect > dialect.schema.json
  sallyport schema --profile > profile.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := config.Schema
			switch {
			case dialect && profile:
				return errors.New("--dialect and --profile are two schemas: ask for one at a time")
			case dialect:
				text = config.DialectSchema
			case profile:
				text = config.ProfileSchema
			}
			_, err := cmd.OutOrStdout().Write(text())
			return err
		},
	}
	cmd.Flags().BoolVar(&dialect, "dialect", false, "the schema of a dialect of ISO 8583")
	cmd.Flags().BoolVar(&profile, "profile", false, "the schema of a profile of HL7 messages")
	return cmd
}
