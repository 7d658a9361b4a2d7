package cli

import "github.com/ocmt/ocmt/internal/usertoken"

// gatewayTokensDocument is what ocmt rotate gateway-tokens writes.
type gatewayTokensDocument struct {
	DryRun          bool                  `json:"dry_run"`
	Database        string                `json:"database"`
	Table           string                `json:"table"`
	ContainersKnown bool                  `json:"containers_known"`
	Triggers        []string              `json:"triggers"`
	Tokens          []usertoken.Count     `json:"tokens"`
	LeftAlone       []usertoken.LeftAlone `json:"left_alone"`
	usertoken.Result
}

func newGatewayTokensDocument(dryRun bool, plan *usertoken.Plan, result *usertoken.Result) gatewayTokensDocument {
	return gatewayTokensDocument{DryRun: dryRun, Database: plan.Table.Database, Table: plan.Table.Name, ContainersKnown: plan.Table.Containers, Triggers: emptyIfNil(plan.Table.Triggers),
		Tokens: emptyIfNil(plan.Counts), LeftAlone: emptyIfNil(plan.LeftAlone), Result: *result}
}
