package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// agentTokenOptions are the flags of ocmt rotate agent-token.
type agentTokenOptions struct {
	Store       storeFlag
	AgentStores storeList
	tokenOptions
}

// Validate needs the places of the agent servers: one that is left out is locked out.
func (o *agentTokenOptions) Validate() error {
	if len(o.AgentStores) == 0 {
		return errors.New("--agent-store is needed for each agent server: one without the new token is locked out")
	}
	return o.validate("agent-token")
}

func newRotateAgentTokenCommand(app *App, run func(context.Context, *config.Settings, *agentTokenOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateAgentToken
	}
	options := &agentTokenOptions{}
	cmd := &cobra.Command{
		Use:   "agent-token --agent-store STORE",
		Short: "Change AGENT_SERVER_TOKEN and AUTH_TOKEN together, and prove the new one",
		Long: `Make a new token for the management server and its agent servers, and put it
into AGENT_SERVER_TOKEN of --store and into AUTH_TOKEN of each --agent-store.
All must hold the same old one. Should one place fail, the others are put back.
A relay with settings of its own gets AGENT_SERVER_TOKEN by hand.

With --prove it then waits until each --endpoint (management, agent) takes the
new token and refuses the old one. Both are sent there. The old one is kept
nowhere. What was interrupted between two places is finished with --resume.

` + describeDocument("rotate-token"),
		Example: `  ocmt rotate agent-token --agent-store agent1.env --agent-store agent2.env
  ocmt rotate agent-token --store .env --agent-store agent.env --prove \
    --endpoint management=http://127.0.0.1:3001 # ocmt waits for the restart
  ocmt rotate agent-token --agent-store agent.env --resume --yes`,
		Args: noArgs,
	}
	addStoreFlags(cmd.Flags(), &options.Store)
	cmd.Flags().Var(&options.AgentStores, "agent-store", "where an agent server has AUTH_TOKEN: envfile:PATH, dir:PATH, or a path; may be given again")
	options.addFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateAgentToken(ctx context.Context, settings *config.Settings, options *agentTokenOptions) error {
	rotation := a.newTokenRotation(settings, "agent-token", &options.tokenOptions)
	if err := rotation.addStore("store", options.Store, secret.Management, "AGENT_SERVER_TOKEN"); err != nil {
		return err
	}
	if err := rotation.addStores("agent-store", options.AgentStores, options.Store.Backup, secret.Agent, "AUTH_TOKEN"); err != nil {
		return err
	}
	return rotation.run(ctx)
}
