package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// versionDocument is the JSON form of ocmt version.
type versionDocument struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified"` // built from a changed work tree
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(app *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of ocmt",
		Long: `Show the version of ocmt, the commit it was built from, and the Go release that
built it.

JSON document ocmt/version/v1: version, commit, modified, go, platform.`,
		Example: "  ocmt version\n  ocmt version --output json",
		Args:    noArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := app.useFlagsOnly(cmd); err != nil {
			return err
		}
		return runVersion(app)
	}
	exits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

func runVersion(app *App) error {
	found := buildVersion(app.deps.Version)
	app.printer.Line("ocmt %s", found.Version)
	if found.Commit != "" {
		app.printer.Line("commit %s%s", found.Commit, map[bool]string{true: ", with changes"}[found.Modified])
	}
	app.printer.Line("%s %s", found.Go, found.Platform)
	return app.printer.Document("version", found)
}

// buildVersion asks the binary itself; a version set by the build wins.
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
