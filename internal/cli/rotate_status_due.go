package cli

import (
	"context"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/due"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// findDue returns the secrets that are to be changed by what the tool's own record has, and the names of those that are
// due each quarter and that the record has never seen changed, so that nobody knows. A kind that the
// record has never seen changed, and that is not set here, is no item: the deployment may not have it.
func (a *App) findDue(ctx context.Context, settings *config.Settings, record due.Record) (list []rotation.DueItem, unknown []string, err error) {
	report, err := due.Look(ctx, record, secret.Kinds(), a.deps.Now())
	if err != nil {
		return nil, nil, err
	}
	deployment := settings.Deployment()
	for _, status := range report.Kinds {
		if status.State == due.Unknown && status.Kind.Quarterly {
			unknown = append(unknown, status.Kind.Name)
		}
		if !status.State.IsDue() || status.Changed.IsZero() && deployment.Text(status.Kind.Setting) == "" {
			continue
		}
		list = append(list, rotation.DueItem{Name: status.Kind.Name, Since: status.Due, Reason: dueReason(status), Command: dueCommand(status.Kind)})
	}
	return list, unknown, nil
}

// printDue says what is due, a line for each, and of what nobody knows whether it is.
func printDue(printer *ui.Printer, list []rotation.DueItem, unknown []string) {
	for _, item := range list {
		printer.Line("due: %s since %s (%s): %s", item.Name, item.Since.UTC().Format(time.DateOnly), item.Reason, item.Command)
	}
	if len(unknown) > 0 {
		printer.Line("%s", "no change is recorded, so nobody knows whether these are due: "+strings.Join(unknown, ", ")+". ocmt rotate all --routine changes them.")
	}
}

// dueReason says why a secret is to be changed.
func dueReason(status due.Status) string {
	last := "no change of it is recorded"
	if !status.Changed.IsZero() {
		last = "the last change that is recorded is of " + status.Changed.UTC().Format(time.DateOnly)
	}
	if status.State == due.AfterIncident {
		return "an incident was opened since; " + last
	}
	return last
}

// dueCommand returns the command that changes a secret of a kind, or that records its change.
func dueCommand(kind secret.Kind) string {
	switch {
	case kind.VersionSetting != "":
		return "ocmt rotate begin --escrow FILE"
	case kind.Column != "":
		return "ocmt rotate " + kind.Name + " --all"
	case hasCommand(kind):
		return "ocmt rotate " + kind.Name + neededPlaces(kind.Name)
	}
	return "ocmt rotate mark-done " + kind.Name
}

// neededPlaces returns the flags that the command for a token is refused without: they say where the components that
// are no management server have theirs.
func neededPlaces(name string) string {
	switch name {
	case "agent-token":
		return " --agent-store STORE"
	case "internal-admin-token":
		return " --admin-store STORE"
	case "admin-token":
		return " --store STORE"
	case "gateway-token":
		return " --gateway-config FILE"
	}
	return ""
}
