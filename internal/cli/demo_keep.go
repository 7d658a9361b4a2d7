package cli

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

// keep leaves the servers up when this process ends, with a second database that is still under
// version 0.
func (d *demo) keep(ctx context.Context) error {
	d.app.printer.Heading("A second database, for you")
	if err := d.fill(ctx); err != nil {
		return err
	}
	file, err := testenv.Keep(exportLines(d.environ()), d.postgres, d.redis)
	if err != nil {
		return err
	}
	d.document.Kept = &keptServer{Folder: filepath.Dir(file), Environment: file}
	return nil
}

// exportLines returns lines of a POSIX shell that export the environment.
func exportLines(environ []string) string {
	var text strings.Builder
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		text.WriteString("export " + name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n")
	}
	return text.String()
}

// tellKept says what was left, how to use it, and how to end it.
func (d *demo) tellKept() {
	printer := d.app.printer
	printer.Line("PostgreSQL and Redis stay up. %s has the settings of the second database, which is still under version 0; only this account can read it.",
		ui.Unbroken(d.document.Kept.Environment))
	printer.Line("\nnext, to rotate it by hand:")
	printer.Code("  source %s\n  ocmt rotate --from-version 0\n  ocmt demo --stop %s", d.document.Kept.Environment, d.document.Kept.Folder)
}
