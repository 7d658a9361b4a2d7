//go:build !linux

package cli

import "time"

func sleep(length time.Duration) { time.Sleep(length) }
