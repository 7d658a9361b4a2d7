package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/ui"
)

// server is a management server at an endpoint: it implements session.Server.
type server struct {
	*probe.Server
	admin session.Token
}

// LockVault implements session.Server.
func (s server) LockVault(ctx context.Context, vault session.Token) error {
	return s.Server.LockVault(ctx, vault, s.admin)
}

// openServers returns the servers of --endpoint. It dials nothing.
func (a *App) openServers(settings *config.Settings, endpoints []string, caches int) (servers []session.Server, err error) {
	if len(endpoints) == 0 {
		return nil, nil
	}
	if caches > 1 {
		return nil, errManyCaches
	}
	if !settings.Access.AdminToken.IsSet() {
		return nil, &config.MissingError{Name: config.NameAdminToken, Advice: "set it to the value that the management server has: --endpoint asks the server with it"}
	}
	probes, err := a.openEndpoints(settings, endpoints)
	if err != nil {
		return nil, err
	}
	for _, asked := range probes {
		if asked.IsExposed() {
			a.printer.Warn("%s has no TLS: whoever is on the way reads the tokens that are sent to it", asked.Address())
		}
		servers = append(servers, server{asked, settings.Access.AdminToken.Reveal})
	}
	return servers, nil
}

// openEndpoints returns the servers at addresses. It dials nothing.
func (a *App) openEndpoints(settings *config.Settings, addresses []string) (servers []*probe.Server, err error) {
	options := probe.Options{}
	if options.CA, err = a.readCertificates(settings.Access.EndpointCA); err != nil {
		return nil, fmt.Errorf("reading the certificates for endpoints: %w", err)
	}
	for _, address := range addresses {
		asked, err := probe.New(address, options)
		if err != nil {
			return nil, fmt.Errorf("--endpoint: %w", err)
		}
		servers = append(servers, asked)
	}
	return servers, nil
}

// errManyCaches says that it is not known which server uses which Redis.
var errManyCaches = errors.New("--endpoint takes one address in REDIS_URL: a server removes keys in its own Redis only; run it once for each Redis with the servers that use it")

// readProof reads the session of --prove, and checks that it can prove something.
func (i *invalidation) readProof(ctx context.Context, sources session.Sources, plan *session.Plan) error {
	if !i.options.Prove {
		return nil
	}
	text, err := i.app.readLine()
	if err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	i.proof = session.NewToken(text)
	return plan.CheckProof(ctx, sources, i.proof, session.DigestOf(text))
}

// unreachable returns what neither the stores nor the servers that were asked can end.
func (i *invalidation) unreachable() []session.Unreachable {
	return session.Unreachables(len(i.servers) > 0, i.options.CloseStreams)
}

// printServers says beforehand what the servers will be asked for.
func (i *invalidation) printServers() {
	if len(i.servers) == 0 {
		return
	}
	addresses := make([]string, len(i.servers))
	for n, one := range i.servers {
		addresses[n] = ui.Clean(one.Address())
	}
	asked := "lock the vaults in its memory"
	if i.options.CloseStreams {
		asked += ", and to close the WebSockets of the users concerned through a session of a minute for each"
	}
	i.app.printer.Line("Asked to %s: %s. A server takes some 1,000 requests an hour from one address.", asked, strings.Join(addresses, ", "))
}

// printReached says what the servers have done.
func (i *invalidation) printReached(result *session.Result) {
	if len(i.servers) == 0 {
		return
	}
	at := ui.Count(int64(len(i.servers)), "server", "servers")
	if result.Locked > 0 {
		i.app.printer.Line("%s forgotten by %s; each had removed the key in Redis.", ui.Count(result.Locked, "vault", "vaults"), at)
	}
	if result.StreamsClosed > 0 {
		i.app.printer.Line("A session of each of %s was logged out at %s, which closes the WebSockets of the user.", ui.Count(result.StreamsClosed, "user", "users"), at)
	}
	if len(result.RefusedAt) > 0 {
		i.app.printer.Line("The session on standard input was accepted before, and is refused now, at %s.", strings.Join(result.RefusedAt, ", "))
	}
}
