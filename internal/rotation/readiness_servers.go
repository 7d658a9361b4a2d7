package rotation

import (
	"context"
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
)

// Server is one process of the management server, at its endpoint.
type Server interface {
	// Address returns the endpoint.
	Address() string
	// CheckHealth asks whether the process is up. The error is that of the context, or says what came in place of the answer.
	CheckHealth(ctx context.Context) error
}

// ServerAnswer says whether a server was up when a look ended.
type ServerAnswer struct {
	Address string `json:"address"`
	Up      bool   `json:"up"`
	Reason  string `json:"reason"` // what came in place of the answer; "" where the server is up
}

// AskServers asks each server whether it is up, and adds the answers to what a look has shown. A server that is not up
// writes nothing, so a look sees nothing of it, and its key is known only once it has started: then the servers are not
// ready. That a server is up says nothing of its key, which a server loads at its first use (contract, section 1). The
// error is that of the context.
func (r *Readiness) AskServers(ctx context.Context, servers []Server) error {
	for _, server := range servers {
		answer := ServerAnswer{Address: server.Address(), Up: true}
		if err := server.CheckHealth(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			answer.Up, answer.Reason = false, err.Error()
			r.Reasons, r.Ready = append(r.Reasons, explainDown(answer, r.Version)), false
		}
		r.Servers = append(r.Servers, answer)
	}
	return nil
}

// explainDown says that nothing is known of a server.
func explainDown(answer ServerAnswer, version int) finding.Finding {
	return finding.Finding{Code: finding.ServerDown, Severity: finding.Error, Where: answer.Address,
		Message: "what this server will write is not known, because it does not say that it is up: " + answer.Reason,
		Fix:     fmt.Sprintf("start it with ENCRYPTION_KEY_VERSION=%d, or leave its --endpoint out where it is gone for good; then run ocmt rotate readiness again", version)}
}
