package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/sallyport/sallyport/gateway"
)

// service is the manager that the program was started by: systemd, which may have sockets for it and wants to hear how it is. Without
// one nobody is told anything.
type service struct {
	listeners map[string]net.Listener // by the name of the route that each is for (FileDescriptorName)
}

// newService takes the sockets over that the manager has for the program (sd_listen_fds(3)).
func newService() (*service, error) {
	given, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("sockets of the service manager: %w", err)
	}
	s := &service{listeners: map[string]net.Listener{}}
	for name, list := range given {
		if len(list) > 1 {
			return nil, fmt.Errorf("the service manager has %d sockets called %s: want one for a route, with FileDescriptorName= of its name", len(list), name)
		}
		s.listeners[name] = list[0]
	}
	return s, nil
}

// lend gives the routes of c the sockets that are called as they are. The error names one that no route wants.
func (s *service) lend(c *gateway.Config) error {
	wanted := map[string]bool{}
	for i := range c.Routes {
		r := &c.Routes[i]
		if l, ok := s.listeners[r.Name]; ok {
			r.Listener = l
			wanted[r.Name] = true
		}
	}
	for name := range s.listeners {
		if !wanted[name] {
			return fmt.Errorf("the service manager has a socket called %s, and no route is called so: give it FileDescriptorName= of a route", name)
		}
	}
	return nil
}

func (s *service) ready() { tell(daemon.SdNotifyReady) }

func (s *service) stopping() { tell(daemon.SdNotifyStopping) }

// reloading is followed by ready.
func (s *service) reloading() { tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()) }

// tell tells the manager something. That it does not listen is not the program's trouble.
func tell(state string) { _, _ = daemon.SdNotify(false, state) }

// watch tells the manager at half the time that it wants to hear from the program, until ctx is done, as long as the gateway can
// say what it does: if it hangs the manager starts it again.
func (s *service) watch(ctx context.Context, g *gateway.Gateway) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	t := time.NewTicker(every / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.Snapshot()
			tell(daemon.SdNotifyWatchdog)
		}
	}
}
