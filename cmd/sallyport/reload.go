package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/config"
)

// reloader has a running gateway do what its configuration says now.
type reloader struct {
	g   *gateway.Gateway
	log *logrus.Entry
	env config.Env

	mu sync.Mutex // over one reload
	f  *config.File
}

// reload reads the configuration again and takes it over. On an error, which says where in which file, nothing has changed.
func (r *reloader) reload(why string) (gateway.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change, err := r.takeOver()
	if err != nil {
		r.refused(why, err)
		return change, err
	}
	e := r.log.WithField("why", why)
	for name, list := range map[string][]string{"kept": change.Kept, "changed": change.Changed, "renewed": change.Renewed, "added": change.Added, "removed": change.Removed} {
		if len(list) > 0 {
			e = e.WithField(name, strings.Join(list, " "))
		}
	}
	e.Info("the configuration was taken over")
	if len(change.Later) > 0 {
		r.log.WithField("options", strings.Join(change.Later, " ")).Warn("these take effect when the program is started the next time")
	}
	return change, nil
}

func (r *reloader) takeOver() (gateway.Change, error) {
	if r.f.Name == "-" {
		return gateway.Change{}, errors.New("the configuration came from standard input: there is nothing to read again")
	}
	f, err := config.Load(r.f.Name, r.env)
	if err != nil {
		return gateway.Change{}, err
	}
	change, err := r.g.Reload(f.Config())
	if err != nil {
		return change, err
	}
	if f.Admin != r.f.Admin {
		change.Later = append(change.Later, "admin")
	}
	if f.Log.Format != r.f.Log.Format {
		change.Later = append(change.Later, "log.format")
	}
	if level, err := logrus.ParseLevel(f.Log.Level); err == nil && f.Log.Level != r.f.Log.Level {
		r.log.Logger.SetLevel(level)
	}
	r.f = f
	return change, nil
}

// refused logs what is wrong with the configuration, each mistake by itself.
func (r *reloader) refused(why string, err error) {
	const most = 20
	log := r.log.WithField("why", why)
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		for _, m := range wrong.Mistakes[:min(len(wrong.Mistakes), most)] {
			log.WithField("error", m.String()).Error("the configuration is wrong")
		}
		err = errors.New(mistakes(wrong))
	}
	log.WithField("error", err.Error()).Error("the configuration was not taken over: the old one goes on")
}

// stamp says which versions of the files were taken over.
func (r *reloader) stamp() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.Stamp()
}

// watching is how often files are looked at. Looking needs no more than the file system has, sees what is behind a symbolic
// link, and cannot miss what was renamed over another.
const watching = time.Second

// watch reloads when a file of the configuration has changed, and was then left alone for a moment, until ctx is done.
func (r *reloader) watch(ctx context.Context) {
	t := time.NewTicker(watching)
	defer t.Stop()
	tried := r.stamp()
	last := tried
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := r.stamp()
		if now != tried && now == last {
			_, _ = r.reload("a file has changed") // the log says how it went
			tried = r.stamp()                     // of other files perhaps
			now = tried
		}
		last = now
	}
}

// signalled reloads for a signal.
func (r *reloader) signalled(sig os.Signal) { _, _ = r.reload(fmt.Sprint("signal ", sig)) }
