//go:build !linux

package cli

import "os"

// outputSignals is empty: a broken connection raises SIGPIPE too.
var outputSignals []os.Signal
