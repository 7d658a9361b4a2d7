package cli

import (
	"os"
	"syscall"
)

// outputSignals say that nobody reads the output any more. No connection raises them here (see
// package netconn).
var outputSignals = []os.Signal{syscall.SIGPIPE}
