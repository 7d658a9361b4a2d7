// Command bench measures the speed of a re-encryption, and compares it with what PostgreSQL can
// do with the same rows: one plain UPDATE of the same bytes, and a loop that reads and writes
// one value at a time. It starts its own server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	o := options{scales: scales{100_000, 1_000_000}}
	flag.IntVar(&o.rows, "rows", 500_000, "rows of user_integrations")
	flag.IntVar(&o.pairs, "pairs", 5, "how often the contenders are measured, one after the other")
	flag.IntVar(&o.sample, "sample", 5_000, "rows that the row-at-a-time loop moves; what it takes is scaled")
	flag.Var(&o.scales, "scales", "other numbers of rows to measure ocmt migrate run at, with commas; \"\" for none")
	flag.IntVar(&o.repeats, "repeats", 5, "how often each of the scales is measured")
	flag.StringVar(&o.program, "ocmt", "bin/ocmt", "the program to measure")
	flag.StringVar(&o.json, "json", "", "write the figures into this file too")
	flag.StringVar(&o.plot, "plot", "", "draw the figures into this file too, as SVG")
	flag.StringVar(&o.page, "page", "", "put the figures into this Markdown page too, between its two marks")
	flag.StringVar(&o.flags, "flags", "", "more flags for ocmt migrate run")
	flag.IntVar(&o.searched, "search", 5, "gigabytes of a database to look through; 0 for none")
	flag.IntVar(&o.sessions, "sessions", 1_000_000, "live sessions to end, and a fifth as many vaults; 0 for none")
	flag.IntVar(&o.audited, "audit", 5_000_000, "values of a database to audit; 0 for none")
	flag.IntVar(&o.entries, "entries", 10_000_000, "entries of the audit tables beside these values")
	flag.IntVar(&o.objects, "objects", 125_000, "objects of a git repository to audit; 0 for none")
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
