//go:build !linux

package cli

import "time"

func nap(length time.Duration) { time.Sleep(length) }
