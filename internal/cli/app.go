package cli

import (
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// App is what all commands share.
type App struct {
	deps    Deps
	stop    Stop
	globals globals
	printer *ui.Printer
	command string // the words of the command that runs, without ocmt
	carried carrier
	typed   []typedText // the command line

	hasLockTimeout bool // the command has the flag --lock-timeout

	activity *ui.Progress // what the command does while nothing else is shown; nil before and after

	unrecorded   sync.Once // warns that there is no entry in the tool's own record
	isUnrecorded bool

	databases []*postgres.DB // that the command has opened

	isOutputTaken bool // standard output is for a key, and for nothing else
}

// globals are the flags that every command has.
type globals struct {
	output, envFile, configFile, operator, record string
	quiet, verbose, noInput, yes, noColor         bool
}

// settings reads the settings for a command, and makes the printer that they ask for.
func (a *App) settings(cmd *cobra.Command) (*config.Settings, error) {
	ctx, cancel := a.stop.Context(cmd.Context())
	defer cancel()
	settings, err := config.Load(ctx, config.Request{
		Flags:      overrides(cmd),
		FlagNames:  flagNames(cmd),
		Environ:    a.deps.Environ,
		Dir:        a.deps.Dir,
		EnvFile:    a.globals.envFile,
		ConfigFile: a.globals.configFile,
		Waiting:    a.tellWaiting,
	})
	if err != nil {
		return nil, err
	}
	a.usePrinter(settings.Output == "json")
	if err := a.refuseConfiguredSecrets(cmd, settings); err != nil {
		return nil, err
	}
	a.warnOfReadable(cmd, settings)
	a.command = strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	return settings, nil
}

// usePrinter makes the printer that the flags ask for.
func (a *App) usePrinter(asJSON bool) {
	a.printer = ui.NewPrinter(a.deps.Streams, ui.Options{
		JSON: asJSON, Quiet: a.globals.quiet, Verbose: a.globals.verbose,
		NoColour: a.globals.noColor, Yes: a.globals.yes, NoInput: a.globals.noInput,
		Now: a.deps.Now, Ticks: a.deps.Ticks, Advise: a.advise,
	})
}

// useFlagsOnly makes the printer for a command that needs no settings, and that must work
// where the settings are broken.
func (a *App) useFlagsOnly(cmd *cobra.Command) error {
	if output := a.globals.output; output != "" && output != "human" && output != "json" {
		return usageError(cmd, "--output must be human or json"+secret.AndGiven(output))
	}
	a.usePrinter(a.globals.output == "json")
	return nil
}
