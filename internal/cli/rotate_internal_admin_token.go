package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// internalAdminTokenOptions are the flags of ocmt rotate internal-admin-token.
type internalAdminTokenOptions struct {
	Store       storeFlag
	AdminStores storeList
	tokenOptions
}

// Validate needs the place of the admin UI, which would be refused with the old token.
func (o *internalAdminTokenOptions) Validate() error {
	if len(o.AdminStores) == 0 {
		return errors.New("--admin-store is needed: the admin UI has the same token as MANAGEMENT_API_TOKEN, and loads no .env")
	}
	return o.validate("internal-admin-token")
}

func newRotateInternalAdminTokenCommand(app *App, run func(context.Context, *config.Settings, *internalAdminTokenOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateInternalAdminToken
	}
	options := &internalAdminTokenOptions{}
	cmd := &cobra.Command{
		Use:   "internal-admin-token --admin-store STORE",
		Short: "Change INTERNAL_ADMIN_TOKEN and MANAGEMENT_API_TOKEN together, and prove it",
		Long: `Make a new token for the management server and the admin UI, and put it into
INTERNAL_ADMIN_TOKEN of --store and into MANAGEMENT_API_TOKEN of --admin-store.
Both must hold the same old one. Should one place fail, the other is put back.
Who has this token is platform admin.

With --prove it then waits until the management server at --endpoint takes the
new token and refuses the old one. Both are sent there. The old one is kept
nowhere. The admin UI cannot be asked what it sends.

` + describeDocument("rotate-token"),
		Example: `  ocmt rotate internal-admin-token --admin-store admin.env --dry-run
  ocmt rotate internal-admin-token --admin-store admin.env --prove \
    --endpoint management=http://127.0.0.1:3001 # ocmt waits for the restart`,
		Args: noArgs,
	}
	addStoreFlags(cmd.Flags(), &options.Store)
	cmd.Flags().Var(&options.AdminStores, "admin-store", "what gives the admin UI its environment: envfile:PATH, dir:PATH, or a path; may be given again")
	options.addFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateInternalAdminToken(ctx context.Context, settings *config.Settings, options *internalAdminTokenOptions) error {
	rotation := a.newTokenRotation(settings, "internal-admin-token", &options.tokenOptions)
	if err := rotation.addStore("store", options.Store, secret.Management, "INTERNAL_ADMIN_TOKEN"); err != nil {
		return err
	}
	if err := rotation.addStores("admin-store", options.AdminStores, options.Store.Backup, secret.AdminUI, "MANAGEMENT_API_TOKEN"); err != nil {
		return err
	}
	return rotation.run(ctx)
}
