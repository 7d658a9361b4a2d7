package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/runbook"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/pkg/secret"
)

// serverTokens are the kinds of secret that servers know each other by, and that commands here change.
var serverTokens = []string{"agent-token", "internal-admin-token", "admin-token", "gateway-token"}

// allTokenOptions are the flags of ocmt rotate all for the tokens of the servers.
type allTokenOptions struct {
	AgentStores, AdminStores storeList
	GatewayStore             storeFlag
	GatewayConfig            inputFlag
	Prove                    bool
	ProveTimeout             time.Duration
	Endpoints                endpointFlag
	OldFiles                 oldTokenFiles
}

func (o *allTokenOptions) addTokenFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&o.AgentStores, "agent-store", "where an agent server has AUTH_TOKEN: envfile:PATH, dir:PATH, or a path; may be given again")
	flags.Var(&o.AdminStores, "admin-store", "what gives the admin UI its environment: envfile:PATH, dir:PATH, or a path; may be given again")
	flags.Var(&o.GatewayStore, "gateway-store", "what gives the gateway its environment: envfile:PATH, dir:PATH, or a path")
	flags.Var(&o.GatewayConfig, "gateway-config", "the openclaw.json of the gateway")
	flags.BoolVar(&o.Prove, "prove", false, "after the restart, wait until each --endpoint takes the new token and refuses the old one; both are sent to it")
	flags.DurationVar(&o.ProveTimeout, "prove-timeout", 5*time.Minute, "longest wait for the servers of one token")
	flags.Var(&o.Endpoints, "endpoint", "server that is asked, as COMPONENT=URL; may be given again")
	flags.Var(&o.OldFiles, "old-file", "file with the old token of a kind, as KIND=FILE, for the proof; may be given again")
	settingFlag(cmd, "endpoint-ca", config.NameEndpointCA, "file of the certificates that endpoints are verified by (default: those of the system)")
}

// validateTokens finds what contradicts itself, and what would do nothing for an occasion.
func (o *allTokenOptions) validateTokens(occasion runbook.Occasion) error {
	switch {
	case !isDueOn("gateway-token", occasion) && (o.GatewayStore.path != "" || o.GatewayConfig != ""):
		return errors.New("--gateway-store and --gateway-config are for --incident: the gateway's token is not due each quarter")
	case o.GatewayConfig == "-":
		return errors.New("--gateway-config takes a file, not standard input")
	case o.Prove && len(o.Endpoints) == 0:
		return errors.New("--prove asks servers: --endpoint says where they are")
	case !o.Prove && len(o.Endpoints) > 0:
		return errors.New("--endpoint is for --prove, which sends both tokens to it")
	case !o.Prove && len(o.OldFiles) > 0:
		return errors.New("--old-file is for --prove, which sends it")
	case o.ProveTimeout < time.Second:
		return errors.New("--prove-timeout must be at least 1s")
	}
	return o.validateEndpoints(occasion)
}

// validateEndpoints refuses servers that could not be asked about any token of an occasion.
func (o *allTokenOptions) validateEndpoints(occasion runbook.Occasion) error {
	for _, endpoint := range o.Endpoints {
		if !slices.ContainsFunc(serverTokens, func(kind string) bool { return isDueOn(kind, occasion) && probe.TakesToken(kind, endpoint.Component) }) {
			return fmt.Errorf("--endpoint: a server of the kind %s cannot be asked about any token of this list", endpoint.Component)
		}
	}
	return nil
}

// isDueOn reports whether a kind of secret is to be changed on an occasion.
func isDueOn(name string, occasion runbook.Occasion) bool {
	kind, _ := secret.Lookup(name)
	if occasion == runbook.Incident {
		return kind.AfterIncident
	}
	return kind.Quarterly
}

// endpointsOf returns the servers that can be asked about a kind of token.
func (o *allTokenOptions) endpointsOf(kind string) endpointFlag {
	return slices.DeleteFunc(slices.Clone(o.Endpoints), func(one probe.Named) bool { return !probe.TakesToken(kind, one.Component) })
}

// oldFileOf returns the file that has the old token of a kind; "" for none.
func (o *allTokenOptions) oldFileOf(kind string) inputFlag {
	for _, one := range o.OldFiles {
		if one.kind == kind {
			return one.file
		}
	}
	return ""
}

// oldTokenFiles is a flag that holds the files with old tokens, by the kind of token; it may be given again.
type oldTokenFiles []oldTokenFile

type oldTokenFile struct {
	kind string
	file inputFlag
}

// Set adds a file.
func (l *oldTokenFiles) Set(text string) error {
	kind, file, _ := strings.Cut(text, "=")
	if !slices.Contains(serverTokens, kind) || file == "" || file == "-" {
		return formError("it must be KIND=FILE, and the kind " + strings.Join(serverTokens, ", "))
	}
	if slices.ContainsFunc(*l, func(one oldTokenFile) bool { return one.kind == kind }) {
		return formError("one file for each kind of token")
	}
	*l = append(*l, oldTokenFile{kind: kind, file: inputFlag(file)})
	return nil
}

// String returns the files.
func (l *oldTokenFiles) String() string { return strings.Join(l.Texts(), ",") }

// Texts returns the files, each as it was given.
func (l *oldTokenFiles) Texts() []string {
	texts := make([]string, len(*l))
	for i, one := range *l {
		texts[i] = one.kind + "=" + string(one.file)
	}
	return texts
}

// Type names the kind of value in help texts.
func (l *oldTokenFiles) Type() string { return "kind=file" }

// checkTokenEndpoints refuses endpoints that cannot be asked, before anything is changed or shown. It dials nothing.
func (a *App) checkTokenEndpoints(settings *config.Settings, options *rotateAllOptions) error {
	for _, endpoint := range options.Endpoints {
		at := slices.IndexFunc(serverTokens, func(kind string) bool { return probe.TakesToken(kind, endpoint.Component) })
		if err := a.newTokenRotation(settings, serverTokens[at], &tokenOptions{Endpoints: endpointFlag{endpoint}}).openProbes(); err != nil {
			return err
		}
	}
	return nil
}

// tokenSteps are the commands that change the tokens of the servers.
func (r *allRun) tokenSteps() []allStep {
	options, backup := r.options, r.options.Store.Backup
	return []allStep{
		r.tokenStep("agent-token", options.agentTokenNeeds(), func(ctx context.Context, app *App, settings *config.Settings, how tokenOptions) error {
			return app.runRotateAgentToken(ctx, settings, &agentTokenOptions{Store: options.Store, AgentStores: options.AgentStores, tokenOptions: how})
		}),
		r.tokenStep("internal-admin-token", options.internalAdminTokenNeeds(), func(ctx context.Context, app *App, settings *config.Settings, how tokenOptions) error {
			return app.runRotateInternalAdminToken(ctx, settings, &internalAdminTokenOptions{Store: options.Store, AdminStores: options.AdminStores, tokenOptions: how})
		}),
		r.tokenStep("admin-token", options.adminTokenNeeds(), func(ctx context.Context, app *App, settings *config.Settings, how tokenOptions) error {
			store := options.AdminStores[0]
			store.Backup = backup
			return app.runRotateAdminToken(ctx, settings, &adminTokenOptions{Store: store, tokenOptions: how})
		}),
		r.tokenStep("gateway-token", options.gatewayTokenNeeds(), func(ctx context.Context, app *App, settings *config.Settings, how tokenOptions) error {
			store := options.GatewayStore
			store.Backup = backup
			return app.runRotateGatewayToken(ctx, settings, &gatewayTokenOptions{Store: store, GatewayConfig: options.GatewayConfig, tokenOptions: how})
		}),
	}
}

func (o *allTokenOptions) agentTokenNeeds() string {
	if len(o.AgentStores) > 0 {
		return ""
	}
	return "not done: needs --agent-store for each agent server; alone: ocmt rotate agent-token --agent-store STORE"
}

func (o *allTokenOptions) internalAdminTokenNeeds() string {
	if len(o.AdminStores) > 0 {
		return ""
	}
	return "not done: needs --admin-store, what gives the admin UI its environment; alone: ocmt rotate internal-admin-token --admin-store STORE"
}

func (o *allTokenOptions) adminTokenNeeds() string {
	const alone = "alone: ocmt rotate admin-token --store STORE"
	switch len(o.AdminStores) {
	case 0:
		return "not done: needs --admin-store, what gives the admin UI its environment; " + alone
	case 1:
		return ""
	}
	return "not done: needs one --admin-store, because each has an ADMIN_TOKEN of its own; " + alone
}

func (o *allTokenOptions) gatewayTokenNeeds() string {
	if o.GatewayConfig != "" || o.GatewayStore.path != "" {
		return ""
	}
	return "not done: needs --gateway-config, --gateway-store or both; alone: ocmt rotate gateway-token --gateway-config FILE"
}

// tokenStep returns the step of one kind of token. Before the restart it changes the token, after it it proves it.
func (r *allRun) tokenStep(kind, needs string, command func(context.Context, *App, *config.Settings, tokenOptions) error) allStep {
	endpoints, oldFile := r.options.endpointsOf(kind), r.options.oldFileOf(kind)
	return allStep{kind: kind, needs: needs, proves: needs == "" && len(endpoints) > 0,
		run: func(ctx context.Context, app *App, settings *config.Settings, restarted, dryRun bool) error {
			how := tokenOptions{Timeout: r.options.ProveTimeout, DryRun: dryRun, ProvenLater: len(endpoints) > 0}
			if restarted {
				how.ProveOnly, how.Endpoints, how.OldFile = true, endpoints, oldFile
				return command(ctx, app, settings, how)
			}
			// A file that cannot be read would be missed after the change, when the old token is in no place any more.
			if _, err := app.newTokenRotation(settings, kind, &tokenOptions{OldFile: oldFile}).oldToken(secret.Value{}); err != nil {
				return err
			}
			return r.changeToken(ctx, kind, how, func(how tokenOptions) error { return command(ctx, app, settings, how) })
		}}
}

// changeToken changes a token, and first finishes a change that was interrupted. A token that was made before what counts
// in this run is changed once more.
func (r *allRun) changeToken(ctx context.Context, kind string, how tokenOptions, change func(tokenOptions) error) error {
	err := change(how)
	var unfinished *token.UnfinishedError
	if !errors.As(err, &unfinished) {
		return err
	}
	found, _ := secret.Lookup(kind)
	entries, _, err := r.Entries(ctx, chain.Query{Actions: []string{chain.ActionSecretRotating}, Subject: found.Setting, Limit: 1})
	if err != nil {
		return err
	}
	resumed := how
	resumed.Resume = true
	if err := change(resumed); err != nil || how.DryRun || len(entries) > 0 && entries[0].Happened().After(r.plan.Since) {
		return err
	}
	return change(how)
}

// printUnkept says which old tokens are to be kept by the operator for the proof.
func (r *allRun) printUnkept() {
	for _, task := range r.plan.In(runbook.Open) {
		if task.Step.Proves && r.options.oldFileOf(task.Name) == "" {
			r.app.printer.Warn("%s", fmt.Sprintf("the old %s is kept nowhere, and without it the proof after the restart is not full: put it into a file, and name that with --old-file %s=FILE",
				task.Kind.Label, task.Name))
		}
	}
}
