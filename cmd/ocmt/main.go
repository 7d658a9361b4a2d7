// Command ocmt is the operator's tool for the secrets of an OCMT deployment.
package main

import (
	"context"
	"os"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/procsec"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	memory := procsec.LimitMemory(os.Getenv)
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.SystemDeps(version, memory)))
}
