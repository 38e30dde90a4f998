package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/admin"
	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/logging"
)

func newRunCommand() *cobra.Command {
	var file string
	var watch bool
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run the gateway that a configuration describes",
		Long: `Run checks FILE, opens its listeners and serves until it is told to end. The log goes
to standard error.

SIGTERM or SIGINT ends it in good order: no more connections are taken, open
requests get their answers, for as long as drain in the configuration allows. A
second signal ends it at once.

SIGHUP has it read FILE again and do what it says from now on, as does a change of
FILE, or of a file that it mentions, with --watch. If FILE is wrong the log says
where, and the old configuration goes on. Routes that did not change are left
alone; of those that did the clients stay connected, unless the protocol or its
framing is another.`,
		Example: `  sallyport run -c sallyport.yaml
  kill -HUP PID`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usageError{errors.New("which configuration? Name it with -c FILE")}
			}
			f, err := config.Load(file, os.LookupEnv)
			if err != nil {
				return err
			}
			signals := make(chan os.Signal, 2)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
			defer signal.Stop(signals)
			return runGateway(cmd, f, signals, watch)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration, - for standard input")
	cmd.Flags().BoolVar(&watch, "watch", false, "reload when a file of the configuration changes")
	return cmd
}

// runGateway serves until the first of signals that is to end it, and drains until the second.
func runGateway(cmd *cobra.Command, f *config.File, signals <-chan os.Signal, watch bool) (err error) {
	logger, closer := logging.New(f.Log.Level, f.Log.Format, cmd.ErrOrStderr())
	defer func() { err = errors.Join(err, closer.Close()) }()
	log := logrus.NewEntry(logger)

	manager, err := newService()
	if err != nil {
		return err
	}
	c := f.Config()
	c.Log = log
	if err := manager.lend(&c); err != nil {
		return err
	}
	g, err := gateway.New(c)
	if err != nil {
		return fmt.Errorf("%w\nIs another program using the address? Nothing was started", err)
	}
	r := newReloader(g, log, f, manager)
	level := &logLevel{logger: logger}
	defer level.restore()
	if f.Admin.Listen != "" {
		a, err := admin.Listen(admin.Options{Listen: f.Admin.Listen, Version: version().Version, Token: f.Admin.Token, ReadToken: f.Admin.ReadToken,
			OpenMetrics: f.Admin.OpenMetrics, Pprof: f.Admin.Pprof, Config: r.config, Reload: r.asked, Level: level.set, Audit: audit(logger)}, g)
		if err != nil {
			return errors.Join(fmt.Errorf("%w\nIs another program using the address? Nothing was started", err), g.Close())
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		log.WithField("listen", a.Addr().String()).Info("admin is open")
	}
	for i := range c.Routes {
		name := c.Routes[i].Name
		log.WithFields(logrus.Fields{"route": name, "listen": g.Addr(name).String()}).Info("route is open")
	}

	ctx, drain := context.WithCancel(cmd.Context())
	defer drain()
	served := make(chan error, 1)
	go giveBack(ctx)
	go serve(ctx, g, served)
	if watch {
		go r.watch(ctx)
	}
	go r.refresh(ctx)
	go manager.watch(ctx, g)
	manager.ready()
	sig, err := next(signals, served, r.signalled)
	if sig == nil {
		return err
	}
	log.WithField("signal", sig.String()).Info("draining; a second signal ends at once")
	manager.stopping()
	drain()
	ignore := func(os.Signal) {} // there is nothing to reload any more
	if sig, err = next(signals, served, ignore); sig == nil {
		log.Info("ended in good order")
		return err
	}
	log.WithField("signal", sig.String()).Warn("ended at once; open requests were given up")
	return errTold
}

// next returns the next signal that is to end the program, or nil and the error of served. For others it calls reload.
func next(signals <-chan os.Signal, served <-chan error, reload func(os.Signal)) (os.Signal, error) {
	for {
		select {
		case err := <-served:
			return nil, err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return sig, nil
			}
			reload(sig)
		}
	}
}

func serve(ctx context.Context, g *gateway.Gateway, served chan<- error) { served <- g.Serve(ctx) }
