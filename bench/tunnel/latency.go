//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// latency times exchanges of one byte, one after the other, while a bulk stream goes the same way.
func latency(p *rig.Proxy, o *options) ([]float64, error) {
	bulk, err := ask(p, 'S', math.MaxInt64)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- fill(bulk, math.MaxInt64) }()
	took, err := pingPong(p, o.time)
	select {
	case early := <-ended:
		err = errors.Join(err, fmt.Errorf("the bulk stream broke off: %w", early))
		return nil, errors.Join(err, bulk.Close())
	default:
	}
	_ = bulk.SetLinger(0) // what is still on its way would fall into the next load
	err = errors.Join(err, bulk.Close())
	<-ended // with the error that Close gives it
	if err != nil {
		return nil, err
	}
	slices.Sort(took)
	return []float64{rig.Microseconds(rig.Quantile(took, 0.5)), rig.Microseconds(rig.Quantile(took, 0.99))}, nil
}

// pingPong returns how long each exchange took.
func pingPong(p *rig.Proxy, long time.Duration) ([]time.Duration, error) {
	conn, err := open(p) // connecting is not timed
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var took []time.Duration
	buf := make([]byte, 1)
	for began := time.Now(); len(took) == 0 || time.Since(began) < long; {
		sent := time.Now()
		if err := echo(conn, buf); err != nil {
			return nil, err
		}
		took = append(took, time.Since(sent))
	}
	return took, nil
}
