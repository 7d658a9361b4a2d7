package cli

import (
	"context"
	"slices"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
)

// Main runs one command and returns the exit code of the process. A panic in any goroutine of the program
// ends the command as an error does.
func Main(ctx context.Context, args []string, deps Deps) int {
	ctx, stop, cancel := watchSignals(ctx, deps.Notify)
	defer cancel(context.Canceled)
	output, diagnostics := &closableOutput{Writer: deps.Streams.Out}, &closableOutput{Writer: deps.Streams.Err}
	deps.Streams.Out, deps.Streams.Err = output, diagnostics
	app := &App{deps: deps, stop: stop}
	app.printer = ui.NewPrinter(deps.Streams, ui.Options{JSON: asksForJSON(args, deps.Environ), Now: deps.Now, Advise: app.advise})
	err := app.runGuarded(cancel, func() error { return app.execute(ctx, args) })
	if err != nil {
		return int(app.fail(cancel, err))
	}
	if output.closed.Load() || diagnostics.closed.Load() {
		return int(ui.ExitInterrupted)
	}
	return int(ui.ExitDone)
}

// execute runs the command of the arguments.
func (a *App) execute(ctx context.Context, args []string) error {
	if a.deps.Harden != nil {
		if err := a.deps.Harden(); err != nil {
			a.printer.Warn("the memory of this process is not protected: %v", err)
		}
	}
	root := newRootCommand(a)
	root.SetArgs(append([]string{}, args...)) // of nil cobra would make those of the process
	err := a.refuseTypedSecrets(root, args)
	if err == nil {
		err = findMisspelt(root, args)
	}
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		err = a.printer.Err()
	}
	if err == nil {
		a.printer.EndGrants()
	}
	return err
}

// asksForJSON reports whether errors are to be JSON that occur before the settings are read.
func asksForJSON(args, environ []string) bool {
	for i, arg := range args {
		switch arg {
		case "--output=json", "-ojson", "-o=json":
			return true
		case "--output", "-o":
			return i+1 < len(args) && args[i+1] == "json"
		}
	}
	return slices.Contains(environ, config.NameOutput+"=json")
}
