// Command ocmt is the operator's tool for the secrets of an OCMT deployment.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/procsec"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	debug.SetTraceback("none") // what the runtime itself throws shows no arguments: they could be a key
	memory := procsec.LimitMemory(os.Getenv)
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.SystemDeps(version, memory)))
}
