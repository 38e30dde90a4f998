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
	"github.com/sallyport/sallyport/internal/admin"
	"github.com/sallyport/sallyport/internal/certs"
	"github.com/sallyport/sallyport/internal/config"
)

// reloader has a running gateway do what its configuration says now.
type reloader struct {
	g   *gateway.Gateway
	own *service
	log *logrus.Entry
	env config.Env

	mu sync.Mutex // over one reload
	f  *config.File
	is admin.ConfigStatus
}

func newReloader(g *gateway.Gateway, log *logrus.Entry, f *config.File, manager *service) *reloader {
	return &reloader{g: g, own: manager, log: log, env: os.LookupEnv, f: f, is: admin.ConfigStatus{File: f.Name, Loaded: millisecond(time.Now())}}
}

func millisecond(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// reload reads the configuration again and takes it over. On an error, which says where in which file, nothing has changed.
func (r *reloader) reload(why string) (gateway.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.own.reloading()
	defer r.own.ready()
	change, err := r.takeOver()
	if err != nil {
		r.is.Failed++
		r.is.LastError = err.Error()
		r.refused(why, err)
		return change, err
	}
	r.is.Reloads++
	r.is.Loaded, r.is.LastError = millisecond(time.Now()), ""
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
	f, err := r.f.Again(r.env)
	if err != nil {
		return gateway.Change{}, err
	}
	c := f.Config()
	if err := r.own.lend(&c); err != nil {
		return gateway.Change{}, err
	}
	change, err := r.g.Reload(c)
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

// versions says which versions of the files were taken over, and which there are now.
func (r *reloader) versions() (taken, now string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.Taken(), r.f.Stamp()
}

// watching is how often files are looked at. Looking needs no more than the file system has, sees what is behind a symbolic
// link, and cannot miss what was renamed over another.
const watching = time.Second

// watch reloads when a file of the configuration has changed, and was then left alone for a moment, until ctx is done.
func (r *reloader) watch(ctx context.Context) {
	t := time.NewTicker(watching)
	defer t.Stop()
	last, _ := r.versions()
	tried := last
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		_, now := r.versions()
		if now != tried && now == last {
			_, err := r.reload("a file has changed") // the log says how it went
			if tried = now; err == nil {
				tried, _ = r.versions() // of other files perhaps
			}
		}
		last = now
	}
}

// config tells of the configuration that runs.
func (r *reloader) config() admin.ConfigStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.is
}

// asked reloads for who asks through the admin listener.
func (r *reloader) asked() (gateway.Change, error) {
	return r.reload("asked through the admin listener")
}

// signalled reloads for a signal.
func (r *reloader) signalled(sig os.Signal) { _, _ = r.reload(fmt.Sprint("signal ", sig)) }

// refreshing is how often the files of certificates are looked at.
const refreshing = 10 * time.Second

// refresh takes certificates over that have changed, until ctx is done. One that cannot be used is logged once, and the old one
// stays.
func (r *reloader) refresh(ctx context.Context) {
	t := time.NewTicker(refreshing)
	defer t.Stop()
	said := map[*certs.Store]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for _, s := range r.stores() {
			log := r.log.WithField("for", s.Options().For)
			changed, err := s.Refresh()
			switch {
			case err != nil && said[s] != err.Error():
				said[s] = err.Error()
				log.WithFields(logrus.Fields{"error": err.Error(), "expires": s.NotAfter().Format(time.DateTime)}).Error("a certificate was not taken over: the old one stays")
			case err == nil:
				delete(said, s)
			}
			if changed {
				log.WithField("expires", s.NotAfter().Format(time.DateTime)).Info("a certificate was taken over")
			}
		}
	}
}

func (r *reloader) stores() []*certs.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.Stores()
}
