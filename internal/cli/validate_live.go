package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/validation"
)

// addLiveFlags adds the flags about servers.
func addLiveFlags(cmd *cobra.Command, options *validateOptions) {
	flags := cmd.Flags()
	flags.BoolVar(&options.Live, "live", false, "also ask PostgreSQL, Redis and the named endpoints whether they take the secrets")
	flags.Var(&options.Endpoints, "endpoint", "with --live, send its tokens to the server at this address, as management=, admin-ui=, agent= or gateway=URL; may be given again")
	flags.BoolVar(&options.LiveQuery, "live-query", false, "with --live, also send tokens as ?token= to endpoints of this machine, which may write them to their logs")
}

// validateLive refuses flags about servers that are not to be asked.
func (o *validateOptions) validateLive() error {
	switch {
	case !o.Live && len(o.Endpoints) > 0:
		return errors.New("--endpoint names a server to ask, and --live is not given")
	case o.LiveQuery && len(o.Endpoints) == 0:
		return errors.New("--live-query needs --live and --endpoint: tokens are sent to servers that are named")
	}
	return nil
}

// check judges the settings, and with --live asks the servers about them.
func (a *App) check(ctx context.Context, settings *config.Settings, input validation.Input, options *validateOptions) (validation.Report, error) {
	if !options.Live {
		return validation.Check(input), nil
	}
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	progress := a.printer.Progress("asking the servers whether they take the secrets", "values")
	defer progress.End()
	servers := validation.Servers{InQuery: options.LiveQuery}
	deployment := input.Own.Settings
	if address := deployment.Text(config.NameDatabaseURL); address != "" {
		database := &liveDatabase{address: address, options: a.databaseOptions(settings), settings: settings, progress: progress}
		defer database.close(context.WithoutCancel(ctx))
		servers.Database = database
	}
	if addresses := strings.Fields(deployment.Text(config.NameRedisURL)); len(addresses) > 0 {
		how, err := a.redisOptions(settings)
		if err != nil {
			return validation.Report{}, err
		}
		servers.Caches = &liveCaches{addresses: addresses, options: how, progress: progress}
	}
	if len(options.Endpoints) > 0 {
		certificates, err := a.readCertificates(settings.Access.EndpointCA)
		if err != nil {
			return validation.Report{}, err
		}
		servers.Endpoints = func(token func(setting string) string) (validation.Endpoints, error) {
			progress.Phase("asking the endpoints")
			return a.liveEndpoints(options.Endpoints, probe.Options{CA: certificates}, token)
		}
	}
	report, err := validation.CheckLive(ctx, input, servers)
	return report, causeOf(ctx, err)
}

// liveEndpoints makes the clients of the endpoints, and says which tokens can be read on their way.
func (a *App) liveEndpoints(named []probe.Named, options probe.Options, token func(setting string) string) (validation.Endpoints, error) {
	endpoints, err := probe.NewEndpoints(named, options, token, true)
	if err != nil {
		return nil, err
	}
	for _, one := range endpoints.Endpoints() {
		if !one.TLS && !one.Loopback {
			a.printer.Warn("%s has no TLS: whoever is on the way reads the tokens that are sent to it", one.Name())
		}
	}
	return endpoints, nil
}
