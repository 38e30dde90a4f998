package main

import (
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/demo"
)

func newDemoCommand() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what sallyport does, in a few seconds",
		Long: `Demo starts an old backend that answers late, out of order and in batches, the
gateway in front of it, and three clients whose ids collide, all in this process.
It tells what each of them sends and hears and checks every line that it tells:
the exit status is 0 only if all is right. No port has to be free and no file
is read or written.`,
		Example: "  sallyport demo\n  sallyport demo --keep",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			o.Version = version().Version
			return demo.Run(ctx, cmd.OutOrStdout(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "stay up afterwards, with some traffic, so that you can talk to the gateway yourself and watch it in a browser")
	return cmd
}
