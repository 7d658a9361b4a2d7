package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/testdata"
)

// keptEnvFile is the env file that is left beside the servers. Its name is the one that a command reads without being told to.
const keptEnvFile = ".env"

// keep leaves the servers up when this process ends, with a second database that is still under
// version 0.
func (d *demo) keep(ctx context.Context) error {
	d.app.printer.Heading("A second database, for you")
	if err := d.fill(ctx); err != nil {
		return err
	}
	if err := d.fillSessions(ctx); err != nil {
		return err
	}
	file, err := testenv.Keep(exportLines(d.environ()), d.postgres, d.redis)
	if err != nil {
		return err
	}
	folder := filepath.Dir(file)
	d.document.Kept = &keptServer{Folder: folder, Environment: file, EnvFile: filepath.Join(folder, testenv.KeptFiles, keptEnvFile)}
	err = writePrivateFile(d.document.Kept.EnvFile, strings.Join(d.environBefore(), "\n")+"\n", false, "")
	if err != nil {
		return errors.Join(err, testenv.EndKept(context.WithoutCancel(ctx), folder))
	}
	return nil
}

// fillSessions makes the tables of live access too, and login sessions in them: there is more to try than a rotation.
func (d *demo) fillSessions(ctx context.Context) error {
	if err := testenv.Exec(ctx, d.address, testdata.AccessSchema); err != nil {
		return fmt.Errorf("making the tables of live access: %w", err)
	}
	made, err := sampledata.FillSessions(ctx, d.address)
	if err == nil {
		d.app.printer.Line("%s.", ui.Count(made, "live login session", "live login sessions"))
	}
	return err
}

// environBefore returns the settings that servers have before a rotation, as NAME=value lines.
func (d *demo) environBefore() []string {
	older, _ := d.ring.Key(0)
	return []string{"DATABASE_URL=" + d.address, "REDIS_URL=" + d.redis.URL(), "ENCRYPTION_KEY=" + older.Reveal()}
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

// keptBackups is how long the advice says that backups need the old key.
const keptBackups = 30 * 24 * time.Hour

// tellKept says what was left, how to use it, and how to end it.
func (d *demo) tellKept() {
	printer, kept := d.app.printer, d.document.Kept
	printer.Line("PostgreSQL and Redis stay up. %s has the settings of servers that use the second database, which is still under version 0; only this account can read it. "+
		"No server runs there, which --no-writes all says. It has login sessions too, to try %s on.", ui.Unbroken(kept.EnvFile), ui.Unbroken("ocmt session-invalidate list --user user7@example.org"))
	printer.Line("\nnext, to rotate it by hand:")
	var lines []string
	if program := d.app.deps.Program(); program != "" {
		if path, err := filepath.Abs(program); err == nil {
			lines = append(lines, "PATH=$PATH:"+quoteWord(filepath.Dir(path)))
		}
	}
	lines = append(lines, "cd "+filepath.Dir(kept.EnvFile),
		"ocmt rotate begin --escrow key-v1", "ocmt rotate readiness --for 1s --no-writes all", "ocmt rotate --from-version 0",
		fmt.Sprintf("ocmt rotate finish --backups-until %s --escrow key-v0", d.app.deps.Now().Add(keptBackups).UTC().Format(time.DateOnly)),
		"ocmt rotate", "cd - && ocmt demo --stop "+kept.Folder)
	printer.Code("  %s", strings.Join(lines, "\n  "))
}
