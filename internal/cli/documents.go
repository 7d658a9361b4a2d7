package cli

import (
	"github.com/ocmt/ocmt/internal/audit/report"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/session"
)

// document is a JSON document that a command writes with --output json. Its fields are
// a promise: docs/json.md lists each of them.
type document struct {
	name string // its schema is ocmt/NAME/v1
	form any    // an empty value of its type
}

// documents returns every JSON document, in the order of docs/json.md.
func documents() []document {
	return []document{
		{"keygen", keygenDocument{}},
		{"validate", validateDocument{}},
		{"migrate-plan", planDocument{}},
		{"migrate-run", runDocument{}},
		{"migrate-verify", verifyDocument{}},
		{"rotate", rotateDocument{}},
		{"rotate-gateway-tokens", gatewayTokensDocument{}},
		{"rotate-mark-done", markDoneDocument{}},
		{"rotate-mark-compromised", markCompromisedDocument{}},
		{"rotate-all", rotateAllDocument{}},
		{"rotate-begin", beginDocument{}},
		{"rotate-status", rotation.Status{}},
		{"status", deploymentStatus{}},
		{"rotate-put-back", putBackDocument{}},
		{"rotate-redis-password", redisPasswordDocument{}},
		{"rotate-database-password", databasePasswordDocument{}},
		{"rotate-readiness", rotation.Readiness{}},
		{"rotate-finish", finishDocument{}},
		{"rotate-evidence", rotation.Evidence{}},
		{"rotate-token", rotateTokenDocument{}},
		{"migrate-status", statusDocument{}},
		{"migrate-pause", steerDocument{}},
		{"migrate-resume", steerDocument{}},
		{"migrate-set", steerDocument{}},
		{"migrate-abort", steerDocument{}},
		{"migrate-reset-orders", resetOrdersDocument{}},
		{"migrate-columns", columnsDocument{}},
		{"migrate-accept", acceptDocument{}},
		{"session-invalidate", invalidateDocument{}},
		{"session-list", sessionListDocument{}},
		{"session-stats", sessionStatsDocument{}},
		{"audit", report.Document{}},
		{"audit-list", auditListDocument{}},
		{"audit-explain", auditCheck{}},
		{"audit-baseline", baselineDocument{}},
		{"audit-log", auditLogDocument{}},
		{"audit-verify-chain", auditChainDocument{}},
		{"audit-record", auditRecordDocument{}},
		{"demo", demoDocument{}},
		{"demo-stop", demoStopDocument{}},
		{"version", versionDocument{}},
	}
}

// keygenDocument is what ocmt keygen writes. Key is left out where the secret went into a
// file.
type keygenDocument struct {
	Kind        string `json:"kind"`
	Key         string `json:"key,omitempty"`
	KeyVersion  *int   `json:"key_version,omitempty"`
	Setting     string `json:"setting,omitempty"`
	Fingerprint string `json:"fingerprint"`
	File        string `json:"file,omitempty"`
}

// planDocument is what ocmt migrate plan writes, also into the file of --out.
type planDocument struct {
	migrate.Outline
	Around    *overview             `json:"overview"`
	Pending   *int64                `json:"values_to_move"` // null where nothing was counted
	Columns   []migrate.ColumnCount `json:"columns"`
	Absent    []string              `json:"absent"`
	Obstacles []finding.Finding     `json:"obstacles"`
	// Discovery is null where the tables of the catalogue could not be read.
	Discovery *discover.Report `json:"discovery"`
}

func newPlanDocument(plan *migrate.Plan, around *overview) planDocument {
	return planDocument{Outline: plan.Outline, Around: around, Pending: around.Pending, Columns: emptyIfNil(plan.Columns),
		Absent: emptyIfNil(plan.Absent), Obstacles: emptyIfNil(plan.Findings), Discovery: plan.Discovery}
}

// runDocument is what ocmt migrate run writes.
type runDocument struct {
	Verdict rotation.VerdictKind `json:"verdict"`
	Around  *overview            `json:"overview"`
	From    *int                 `json:"from_version"`
	To      int                  `json:"to_version"`
	Seconds float64              `json:"seconds"`
	Rested  float64              `json:"rested_seconds"` // part of Seconds, spent giving way to others
	*migrate.Result
}

// newRunDocument takes what the run alone came to.
func (e *engine) newRunDocument(result *migrate.Result, verdict rotation.Verdict) runDocument {
	result.List, result.NotEnded = emptyIfNil(result.List), emptyIfNil(result.NotEnded)
	result.Accepted, result.Repairs = emptyIfNil(result.Accepted), emptyIfNil(result.Repairs)
	return runDocument{Verdict: verdict.Kind, Around: e.around, From: e.request.From, To: e.request.To, Seconds: result.Elapsed.Seconds(), Rested: result.Rested.Seconds(), Result: result}
}

// verifyDocument is what ocmt migrate verify writes.
type verifyDocument struct {
	Verdict rotation.VerdictKind `json:"verdict"`
	To      int                  `json:"version"`
	Proven  bool                 `json:"proven"`
	*migrate.Verification
	Doubts []finding.Finding `json:"doubts"`
	// Search is null where columns that nothing lists were not looked through.
	Search *discover.Report `json:"search"`
}

// newVerifyDocument takes a nil report where nothing was searched.
func newVerifyDocument(request migrate.Request, found *migrate.Verification, report *discover.Report) verifyDocument {
	proven := len(rotation.FindUnproven(request, found, report)) == 0
	found.Accepted = emptyIfNil(found.Accepted)
	found.List, found.Absent, found.Elsewhere = emptyIfNil(found.List), emptyIfNil(found.Absent), emptyIfNil(found.Elsewhere)
	return verifyDocument{Verdict: rotation.JudgeVerification(request, found, report).Kind, To: request.To, Proven: proven, Verification: found, Doubts: emptyIfNil(found.Doubts), Search: report}
}

// rotateDocument is what ocmt rotate and ocmt rotate rollback write.
type rotateDocument struct {
	// Verdict is what run and proof came to.
	Verdict rotation.VerdictKind `json:"verdict"`
	Run     runDocument          `json:"run"`
	// Verified is null after a dry run, and where the run was cut off.
	Verified *verifyDocument `json:"verified"`
	// Retirable are the key versions that nothing in the database needs any more.
	Retirable []int `json:"retirable_versions"`
	// Reasons say why the old keys must be kept.
	Reasons []finding.Finding `json:"reasons"`
}

// newRotateDocument takes a nil proof where nothing was verified, and what the whole and the run alone came to.
func (e *engine) newRotateDocument(result *migrate.Result, proof *rotation.Proof, whole, run rotation.Verdict) rotateDocument {
	written := rotateDocument{Verdict: whole.Kind, Run: e.newRunDocument(result, run), Retirable: []int{}, Reasons: []finding.Finding{}}
	if proof != nil {
		verified := newVerifyDocument(e.request, proof.Verification, proof.Search)
		written.Verified, written.Retirable, written.Reasons = &verified, proof.Retirable, emptyIfNil(proof.Reasons)
	}
	return written
}

// columnsDocument is what ocmt migrate columns writes.
type columnsDocument struct {
	Columns   []columnEntry     `json:"columns"`
	Absent    []string          `json:"absent"`
	Obstacles []finding.Finding `json:"obstacles"`
	// Discovery is there with --discover.
	Discovery *discover.Report `json:"discovery,omitempty"`
}

type columnEntry struct {
	Schema           string `json:"schema"`
	Table            string `json:"table"`
	Column           string `json:"column"`
	Key              string `json:"key"`
	PlaintextAllowed bool   `json:"plaintext_allowed"`
	MaxLength        int    `json:"max_length"` // 0 for no limit
}

func newColumnsDocument(found *migrate.Description) columnsDocument {
	written := columnsDocument{Columns: []columnEntry{}, Absent: emptyIfNil(found.Absent), Obstacles: emptyIfNil(found.Findings)}
	for _, table := range found.Tables {
		for _, column := range table.Columns {
			written.Columns = append(written.Columns, columnEntry{Schema: table.Schema, Table: table.Name, Column: column.Name, Key: table.Key,
				PlaintextAllowed: column.PlaintextAllowed, MaxLength: column.MaxLength})
		}
	}
	return written
}

// acceptDocument is what ocmt migrate accept writes.
type acceptDocument struct {
	Withdrawn bool `json:"withdrawn"` // the acceptance was taken back
	migrate.Accepted
}

// versionDocument is what ocmt version writes.
type versionDocument struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified"` // built from a changed work tree
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// emptyIfNil returns a list that is not null in JSON.
func emptyIfNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// invalidateDocument is what ocmt session-invalidate writes.
type invalidateDocument struct {
	Database string          `json:"database"`
	DryRun   bool            `json:"dry_run"`
	Users    int64           `json:"users"` // -1 for everybody
	Counts   []session.Count `json:"live"`
	session.Result
	Skipped     []session.Skip        `json:"not_ended"`
	LeftAlone   []session.Count       `json:"left_alone"`
	Unreachable []session.Unreachable `json:"not_reached"`
	Removed     int64                 `json:"tombstones_removed"`
}

func (i *invalidation) document(plan *session.Plan, result *session.Result) invalidateDocument {
	return invalidateDocument{Database: plan.Moment.Database, DryRun: i.options.DryRun, Users: plan.Users, Counts: plan.Counts, Result: *result,
		Skipped: plan.Skipped, LeftAlone: plan.LeftAlone, Unreachable: i.unreachable()}
}

// sessionListDocument is what ocmt session-invalidate list writes.
type sessionListDocument struct {
	Sessions []session.Entry `json:"sessions"`
}

// sessionStatsDocument is what ocmt session-invalidate stats writes.
type sessionStatsDocument struct {
	Groups []session.Group `json:"groups"`
}
