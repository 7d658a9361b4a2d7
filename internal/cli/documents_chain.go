package cli

import "github.com/ocmt/ocmt/internal/chain"

// auditChainDocument is what ocmt audit verify-chain writes.
type auditChainDocument struct {
	Place  string `json:"place"` // the table or the file; "" with --sql
	Intact bool   `json:"intact"`
	chain.Report
	SQL string `json:"sql"` // with --sql; "" where the account may add to the table
}

// auditRecordDocument is what ocmt audit record writes.
type auditRecordDocument struct {
	DryRun   bool   `json:"dry_run"`
	Place    string `json:"place"`
	Action   string `json:"action"`
	Subject  string `json:"subject"`
	Note     string `json:"note"`
	Happened string `json:"happened_at"` // "" in a dry run
	Sequence int64  `json:"sequence"`    // 0 in a dry run
	Hash     string `json:"hash"`        // "" in a dry run
}
