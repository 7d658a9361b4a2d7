// Command bench measures how fast a re-encryption is against what PostgreSQL
// itself can do with the same rows: one plain UPDATE of the same bytes, and the
// loop that reads and writes one value at a time. It starts its own server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	var o options
	flag.IntVar(&o.rows, "rows", 300_000, "rows of user_integrations")
	flag.IntVar(&o.pairs, "pairs", 3, "how often the two are measured, one after the other")
	flag.IntVar(&o.sample, "sample", 5_000, "rows that the row-at-a-time loop moves; its time is scaled")
	flag.StringVar(&o.program, "ocmt", "bin/ocmt", "the program to measure")
	flag.StringVar(&o.json, "json", "", "write the figures into this file too")
	flag.StringVar(&o.flags, "flags", "", "more flags for ocmt migrate run")
	flag.BoolVar(&o.live, "live", false, "also measure how long the writes of live servers take beside a run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
