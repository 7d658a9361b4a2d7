package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/secretstore/openclaw"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// gatewayTokenOptions are the flags of ocmt rotate gateway-token.
type gatewayTokenOptions struct {
	Store         storeFlag
	GatewayConfig inputFlag
	tokenOptions
}

// Validate needs a place.
func (o *gatewayTokenOptions) Validate() error {
	switch {
	case o.Store.path == "" && o.GatewayConfig == "":
		return errors.New("--gateway-config, --store or both are needed: the openclaw.json of the gateway, and what gives it its environment")
	case o.Store.path == "" && o.Store.Backup:
		return errors.New("--backup keeps a copy of the env file of --store")
	case o.GatewayConfig == "-":
		return errors.New("--gateway-config takes a file, not standard input")
	}
	return o.validate("gateway-token")
}

func newRotateGatewayTokenCommand(app *App, run func(context.Context, *config.Settings, *gatewayTokenOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateGatewayToken
	}
	options := &gatewayTokenOptions{}
	cmd := &cobra.Command{
		Use:   "gateway-token",
		Short: "Change the token of the gateway, and prove the new one",
		Long: `Make a new token for the gateway, and put it into gateway.auth.token of its
openclaw.json (--gateway-config), into OPENCLAW_GATEWAY_TOKEN of --store, or
into both. The gateway takes that of the file before that of the environment.
In the file nothing but the token is changed; where the token is missing or
empty, it is put in. Copies of the file (.bak) are named.

With --prove it then waits until the gateway at --endpoint takes the new token
and refuses the old one. Both are sent there. The old one is kept nowhere. From
a tailnet that the gateway lets in without a token, nothing can be proven.

` + describeDocument("rotate-token"),
		Example: `  ocmt rotate gateway-token --gateway-config ~/.openclaw/openclaw.json --dry-run
  ocmt rotate gateway-token --store gateway.env --yes
  ocmt rotate gateway-token --gateway-config openclaw.json --prove \
    --endpoint gateway=http://127.0.0.1:18789 # ocmt waits for the restart`,
		Args: noArgs,
	}
	cmd.Flags().Var(&options.GatewayConfig, "gateway-config", "the openclaw.json of the gateway")
	cmd.Flags().Var(&options.Store, "store", "what gives the gateway its environment: envfile:PATH, dir:PATH, or a path")
	addBackupFlag(cmd, &options.Store)
	options.addFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateGatewayToken(ctx context.Context, settings *config.Settings, options *gatewayTokenOptions) error {
	rotation := a.newTokenRotation(settings, "gateway-token", &options.tokenOptions)
	if options.Store.path != "" {
		if err := rotation.addStore("store", options.Store, secret.Gateway, "OPENCLAW_GATEWAY_TOKEN"); err != nil {
			return err
		}
	}
	if options.GatewayConfig == "" {
		if err := a.checkGatewayFile(); err != nil {
			return err
		}
		return rotation.run(ctx)
	}
	if _, err := os.Stat(a.path(string(options.GatewayConfig))); err != nil {
		return &ui.Error{Message: "the file of --gateway-config is not there, or cannot be looked at", Code: ui.ExitUsage, Hints: []string{"name the openclaw.json of the gateway, as an account that may read it"}}
	}
	// The file comes last: a token that was put into it cannot be taken out again.
	rotation.gateway = openclaw.New(a.path(string(options.GatewayConfig)), openclaw.Options{})
	rotation.places = append(rotation.places, "--gateway-config", string(options.GatewayConfig))
	rotation.stores = append(rotation.stores, rotation.gateway)
	rotation.holders = append(rotation.holders, token.Holder{Store: rotation.gateway, Setting: openclaw.Setting, Component: secret.Gateway, Optional: true})
	return rotation.run(ctx)
}

// checkGatewayFile refuses where the file of this account's gateway has a token: it wins over the environment.
func (a *App) checkGatewayFile() error {
	home := a.getenv("HOME")
	if home == "" {
		return nil
	}
	path := filepath.Join(home, ".openclaw", "openclaw.json")
	_, set, err := files.ReadGatewayToken(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		a.printer.Warn("%s", fmt.Sprintf("%q cannot be read: where it has gateway.auth.token, that one wins over the environment", path))
		return nil
	case !set:
		return nil
	}
	return &ui.Error{Message: fmt.Sprintf("%q has gateway.auth.token, which wins over the environment, even where it is empty; nothing was written", path), Code: ui.ExitRefused,
		Hints: []string{"name it with --gateway-config, too; or, where it is not that of this gateway, run this with another HOME"}}
}
