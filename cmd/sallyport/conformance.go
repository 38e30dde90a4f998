package main

import (
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/profiles"
)

func newMessageProfileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Import profiles of HL7 messages",
		Long: `A profile says what the HL7 messages of a site look like: the order of their segments, which
fields must be valued, how long they are and what they may hold. A route names files
with profiles, which "sallyport schema --profile" describes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMessageProfileImportCommand())
	return cmd
}

func newMessageProfileImportCommand() *cobra.Command {
	return newImportCommand(&cobra.Command{
		Short: "Make a profile of an HL7 message profile in XML",
		Long: `Import reads an HL7 v2 message profile (XML, <HL7v2xConformanceProfile>) and prints a list of
profiles, which can stand under "profiles" of a route. What cannot be expressed, or not with the
same meaning, is said on the standard error, and the exit status is then 1 unless there is --lenient.`,
		Example: `  sallyport profile import adt_a01.xml`,
	}, func(data []byte) ([]byte, []string, error) {
		decls, lost, err := profiles.Import(data)
		if err != nil {
			return nil, nil, err
		}
		return profiles.YAML(decls), lost, nil
	})
}
