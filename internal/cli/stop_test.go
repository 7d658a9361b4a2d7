package cli

import (
	"context"
	"os"
	"testing"
)

// If this fails, the lines that a command writes to a closed output count as the operator's second word, and cut off the
// batches that it was to finish.
func TestClosedOutputIsNoSecondSignal(t *testing.T) {
	t.Parallel()
	if len(outputSignals) == 0 {
		t.Skip("no signal of an output is taken on this system")
	}
	sent := make(chan chan<- os.Signal, 1)
	ctx, stop, cancel := watchSignals(context.Background(), func(signals chan<- os.Signal) func() { sent <- signals; return func() {} })
	defer cancel(context.Canceled)
	signals := <-sent
	for range 5 { // the channel holds two, so the first ones have been looked at
		signals <- outputSignals[0]
	}
	<-stop.Graceful
	if ctx.Err() != nil {
		t.Error("the command was cut off")
	}
	signals <- os.Interrupt
	<-ctx.Done()
}
