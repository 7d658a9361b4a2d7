package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// adminTokenOptions are the flags of ocmt rotate admin-token.
type adminTokenOptions struct {
	Store storeFlag
	tokenOptions
}

// Validate needs the place: the admin UI loads no env file of its own.
func (o *adminTokenOptions) Validate() error {
	if o.Store.path == "" {
		return errors.New("--store is needed: the admin UI loads no .env, so name what gives it its environment")
	}
	return o.validate("admin-token")
}

func newRotateAdminTokenCommand(app *App, run func(context.Context, *config.Settings, *adminTokenOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateAdminToken
	}
	options := &adminTokenOptions{}
	cmd := &cobra.Command{
		Use:   "admin-token --store STORE",
		Short: "Change ADMIN_TOKEN of the admin UI, and prove the new one",
		Long: `Make a new ADMIN_TOKEN, put it where the admin UI gets its environment from, and
say who must restart. The admin UI loads no .env of its own: --store names the
env file or the folder that something else hands to it.

With --prove it then waits until the admin UI at --endpoint takes the new token
and refuses the old one. Both are sent there. The old one is kept nowhere.

` + describeDocument("rotate-token"),
		Example: `  ocmt rotate admin-token --store /etc/ocmt/admin-ui.env --dry-run
  ocmt rotate admin-token --store dir:/run/secrets --yes
  ocmt rotate admin-token --store admin.env --prove \
    --endpoint admin-ui=http://127.0.0.1:3000  # ocmt waits for the restart`,
		Args: noArgs,
	}
	cmd.Flags().Var(&options.Store, "store", "what gives the admin UI its environment: envfile:PATH, dir:PATH, or a path")
	addBackupFlag(cmd, &options.Store)
	options.addFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateAdminToken(ctx context.Context, settings *config.Settings, options *adminTokenOptions) error {
	rotation := a.newTokenRotation(settings, "admin-token", &options.tokenOptions)
	if err := rotation.addStore("store", options.Store, secret.AdminUI, "ADMIN_TOKEN"); err != nil {
		return err
	}
	return rotation.run(ctx)
}
