package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/profiles"
	"github.com/sallyport/sallyport/protocol/hl7/profile"
)

func newMessageProfileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Show profiles of HL7 messages, and import those of other products",
		Long: `A profile says what the HL7 messages of a site look like: the order of their segments, which
fields must be valued, how long they are and what they may hold. A route names files
with profiles, which "sallyport schema --profile" describes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMessageProfileShowCommand(), newMessageProfileImportCommand())
	return cmd
}

func newMessageProfileShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "Check a file with a profile, and print it in the usual form",
		Long: `Show reads a file that declares a profile, says what is wrong in it with the places, and
otherwise prints it whole and in order: variables are replaced, and comments are left out.`,
		Example: `  sallyport profile show adt.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := config.Profile(args[0], os.LookupEnv)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(profiles.YAML([]*profile.Declaration{d}))
			return err
		},
	}
}

func newMessageProfileImportCommand() *cobra.Command {
	return newImportCommand(&cobra.Command{
		Short: "Make a profile of an HL7 message profile in XML",
		Long: `Import reads an HL7 v2 message profile (XML, <HL7v2xConformanceProfile>) and prints it as a file that
a route can name under "profiles"; several in one file are a list, which can stand there. What cannot be
expressed, or not with the same meaning, is said on the standard error, and the exit status is then 1 unless
there is --lenient.`,
		Example: `  sallyport profile import --lenient adt_a01.xml > adt.yaml`,
	}, func(data []byte) ([]byte, []string, error) {
		decls, lost, err := profiles.Import(data)
		if err != nil {
			return nil, nil, err
		}
		return profiles.YAML(decls), lost, nil
	})
}
