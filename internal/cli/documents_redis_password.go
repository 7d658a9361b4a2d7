package cli

import "github.com/ocmt/ocmt/internal/redispassword"

// redisPasswordDocument is what ocmt rotate redis-password writes.
type redisPasswordDocument struct {
	DryRun         bool                      `json:"dry_run"`
	Store          string                    `json:"store"`
	User           string                    `json:"user"`
	Mode           redispassword.Mode        `json:"mode"`
	Topology       redispassword.Topology    `json:"topology"`
	Nodes          []redispassword.NodePlan  `json:"nodes"`
	Sentinels      []string                  `json:"sentinels"`
	Obstacles      []redispassword.Obstacle  `json:"obstacles"`
	Since          string                    `json:"since"` // "" where the servers read no other password yet
	OldConnections []redispassword.OldClient `json:"old_connections"`
	redispassword.Result
	Recorded bool                `json:"recorded"`
	Proof    *redisProofDocument `json:"proof"` // null but with --after-restart
}

// redisProofDocument is what --after-restart has seen.
type redisProofDocument struct {
	Proven   bool                        `json:"proven"`
	Servers  []redispassword.ServerProof `json:"servers"`
	Findings []redispassword.Obstacle    `json:"findings"`
	Unproven []redispassword.Obstacle    `json:"unproven"`
}
