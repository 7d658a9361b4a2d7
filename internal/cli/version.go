package cli

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

func newVersionCommand(app *App, run func(context.Context, *noOptions) error) *cobra.Command {
	if run == nil {
		run = app.runVersion
	}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of ocmt",
		Long: `Show the version of ocmt, the commit it was built from, and the Go release that
built it.

` + describeDocument("version"),
		Example: "  ocmt version\n  ocmt version --output json",
		Args:    noArgs,
	}
	cmd.RunE = runWithFlags(app, cmd, &noOptions{}, run)
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

func (a *App) runVersion(context.Context, *noOptions) error {
	found := buildVersion(a.deps.Version)
	a.printer.Line("ocmt %s", found.Version)
	if found.Commit != "" {
		a.printer.Line("commit %s%s", found.Commit, map[bool]string{true: ", with changes"}[found.Modified])
	}
	a.printer.Line("%s %s", found.Go, found.Platform)
	return a.printer.Document("version", found)
}

// buildVersion returns what the binary says of itself. A version that the build has set
// comes first.
func buildVersion(set string) versionDocument {
	found := versionDocument{Version: set, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return found
	}
	if found.Version == "" {
		found.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			found.Commit = setting.Value
		case "vcs.modified":
			found.Modified = setting.Value == "true"
		}
	}
	return found
}
