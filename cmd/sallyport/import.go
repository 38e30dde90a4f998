package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// newImportCommand completes cmd, which makes a declaration of the file of another product: take returns it as YAML, and what could
// not be taken over, a line for each.
func newImportCommand(cmd *cobra.Command, take func(data []byte) (yaml []byte, lost []string, err error)) *cobra.Command {
	lenient := false
	cmd.Use, cmd.Args = "import FILE", cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		yaml, lost, err := take(data)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if _, err := cmd.OutOrStdout().Write(yaml); err != nil {
			return err
		}
		for _, line := range lost {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", args[0], line)
		}
		if len(lost) > 0 && !lenient {
			return fmt.Errorf("%s: not all of it could be taken over: look at what is said above, and say --lenient", args[0])
		}
		return nil
	}
	cmd.Flags().BoolVar(&lenient, "lenient", false, "succeed although something could not be taken over")
	return cmd
}
