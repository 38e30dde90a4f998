package main

import (
	"fmt"
	"os"

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
	lenient := false
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make a profile of an HL7 message profile in XML",
		Long: `Import reads an HL7 v2 message profile (XML, <HL7v2xConformanceProfile>) and prints a list of
profiles, which can stand under "profiles" of a route. What cannot be expressed, or not with the
same meaning, is said on the standard error, and the exit status is then 1 unless there is --lenient.`,
		Example: `  sallyport profile import adt_a01.xml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			decls, lost, err := profiles.Import(data)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if _, err := cmd.OutOrStdout().Write(profiles.YAML(decls)); err != nil {
				return err
			}
			for _, line := range lost {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", args[0], line)
			}
			if len(lost) > 0 && !lenient {
				return fmt.Errorf("%s: not all of it could be taken over: look at what is said above, and say --lenient", args[0])
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&lenient, "lenient", false, "succeed although something could not be taken over")
	return cmd
}
