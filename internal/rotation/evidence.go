package rotation

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// Evidence is what is known of a key when it is taken away. It has no secret and no ciphertext.
type Evidence struct {
	Version        int               `json:"version"` // whose key is taken away
	Fingerprint    string            `json:"fingerprint"`
	NewVersion     int               `json:"new_version"` // that every value is under
	NewFingerprint string            `json:"new_fingerprint"`
	Operator       string            `json:"operator"`
	Host           string            `json:"host"`
	Store          string            `json:"store"` // the place that the key is taken out of
	Database       migrate.Identity  `json:"database"`
	WAL            string            `json:"wal"`           // position in the log of the server after the proof
	BegunAt        time.Time         `json:"begun_at"`      // when the new key was made, or first recorded where it was made by hand
	ReadyAt        time.Time         `json:"ready_at"`      // when the servers were last seen to write the new version only
	NoWrites       []string          `json:"no_writes"`     // tables that the operator said no secret is written to
	ProvenAt       time.Time         `json:"proven_at"`     // by the clock of the server, behind the proof
	FinishedAt     time.Time         `json:"finished_at"`   // when the key was seen to be gone; the zero time until then
	BackupsUntil   string            `json:"backups_until"` // a day: until then the key stays in its escrow
	Escrow         KeyEscrow         `json:"escrow"`        // what is known of a copy of the key
	Opened         int64             `json:"opened"`        // values that open with the new key alone
	Plaintext      int64             `json:"plaintext"`     // values in the clear, as OCMT writes some
	Accepted       int64             `json:"accepted"`      // values that are given up as lost
	Columns        []EvidenceColumn  `json:"columns"`
	Conditions     []ConditionResult `json:"conditions"`
	// Trial is null where the database has no value under the new version, or the old key was not there to be tried.
	Trial *KeyTrial `json:"trial"`
}

// EvidenceColumn counts the values of a column by version, when the new key was made and after the proof.
type EvidenceColumn struct {
	migrate.Place
	Before map[int]int64 `json:"versions_before"`
	After  map[int]int64 `json:"versions_after"`
	Other  int64         `json:"unlabelled_after"` // plaintext
}

// newEvidence puts together what is known of a key.
func newEvidence(request FinishRequest, place string, old, active RecordedKey, state ReadinessState, proven *FinishProof, look *Look) *Evidence {
	verified := proven.Proof.Verification
	evidence := &Evidence{Version: old.Version, Fingerprint: cmp.Or(old.Fingerprint, planFingerprint(proven.Plan, old.Version)),
		NewVersion: active.Version, NewFingerprint: cmp.Or(active.Fingerprint, planFingerprint(proven.Plan, active.Version)),
		Operator: request.Operator, Host: request.Host, Store: place, Database: look.Database, WAL: look.WAL,
		BegunAt: active.madeAt(), ReadyAt: state.ReadyAt, NoWrites: state.NoWrites, ProvenAt: look.At, BackupsUntil: request.BackupsUntil.Format(time.DateOnly),
		Opened: verified.Opened, Plaintext: verified.Plaintext, Accepted: int64(len(verified.Accepted)),
		Conditions: Conditions(proven.Proof.Reasons), Trial: proven.Trial}
	if evidence.NoWrites == nil {
		evidence.NoWrites = []string{}
	}
	before := VersionCounts{}
	if active.Begun != nil {
		before = countsOf(active.Begun.Baseline.Columns)
	}
	for _, column := range look.Columns {
		counted := EvidenceColumn{Place: column.Place, Before: before[column.Place], After: column.Labels, Other: column.Other}
		if counted.Before == nil {
			counted.Before = map[int]int64{}
		}
		evidence.Columns = append(evidence.Columns, counted)
	}
	slices.SortFunc(evidence.Columns, func(a, b EvidenceColumn) int { return strings.Compare(a.String(), b.String()) })
	return evidence
}

// planFingerprint returns the fingerprint of a key that a plan was made with, "" where it had none.
func planFingerprint(plan *migrate.Plan, version int) string {
	for _, key := range plan.Outline.Keys {
		if key.Version == version {
			return key.Fingerprint
		}
	}
	return ""
}

// ConditionResult says whether a condition of a proof is met.
type ConditionResult struct {
	Group  string         `json:"group"`
	Text   string         `json:"text"`
	Codes  []finding.Code `json:"codes"` // of the reasons where it is not
	Met    bool           `json:"met"`
	Reason string         `json:"reason"` // why it is not met; "" where it is
}

// The parts of a proof, as docs/proof.md has them.
const (
	partRun    = "The run"
	partVerify = "Every value, opened with the new key alone"
	partSearch = "Every other column, after the last write"
	partKnown  = "Columns that are listed as under other keys"
)

// proofConditions are the conditions of docs/proof.md: what must be so, and the codes of the reasons otherwise.
var proofConditions = []ConditionResult{
	{Group: partRun, Text: "no value is left under an old version, and no row was locked", Codes: []finding.Code{finding.RowsLeft, finding.RowsLocked}},
	{Group: partRun, Text: "no value was set aside", Codes: []finding.Code{finding.ValuesSetAside}},
	{Group: partRun, Text: "the values went forward", Codes: []finding.Code{finding.GoingBack}},
	{Group: partVerify, Text: "every value opens with the new key alone", Codes: []finding.Code{finding.ValuesNotOpened}},
	{Group: partVerify, Text: "no value names another version", Codes: []finding.Code{finding.ValuesUnder}},
	{Group: partVerify, Text: "no value opens with the key of another version than its label says", Codes: []finding.Code{finding.Mislabelled}},
	{Group: partVerify, Text: "no value contains a ciphertext that needs another key", Codes: []finding.Code{finding.SealedTwice}},
	{Group: partVerify, Text: "no transaction had written and not ended", Codes: []finding.Code{finding.NotEnded}},
	{Group: partVerify, Text: "no table was rewritten while it was read, and nobody waited for one", Codes: []finding.Code{finding.TableRewritten, finding.LockWanted}},
	{Group: partVerify, Text: "the primary server of the plan was read, and no standby", Codes: []finding.Code{finding.OtherServer, finding.Standby}},
	{Group: partVerify, Text: "every row of every table could be seen", Codes: []finding.Code{finding.RowSecurity, finding.ForeignCode, finding.NotWhole, finding.MissingSelect, finding.MissingUsage}},
	{Group: partVerify, Text: "every table that held values still does, and is where it was", Codes: []finding.Code{finding.EmptyTable, finding.MissingTable}},
	{Group: partSearch, Text: "the columns that nothing lists were searched, each table whole", Codes: []finding.Code{finding.NotSearched, finding.Sampled}},
	{Group: partSearch, Text: "no value that nothing lists needs an old key", Codes: []finding.Code{finding.UnlistedColumn}},
	{Group: partSearch, Text: "no value was written or moved meanwhile under an old version", Codes: []finding.Code{finding.MovedMeanwhile}},
	{Group: partSearch, Text: "nothing was locked, gone, damaged, too large or too slow to be read", Codes: []finding.Code{finding.Locked, finding.Gone, finding.Damaged, finding.Unreadable,
		finding.TooLarge, finding.TooSlow}},
	{Group: partKnown, Text: "none of their values opens with the old key", Codes: []finding.Code{finding.KnownColumnOpens}},
	{Group: partKnown, Text: "where their values name the old version, its key was tried", Codes: []finding.Code{finding.KnownColumnUntried}},
}

// Conditions returns each condition of a proof, with whether it is met. A reason that belongs to none of them is a
// condition of its own.
func Conditions(reasons []finding.Finding) []ConditionResult {
	results := slices.Clone(proofConditions)
	for i := range results {
		results[i].Met = true
	}
	for _, reason := range reasons {
		at := slices.IndexFunc(results, func(r ConditionResult) bool { return slices.Contains(r.Codes, reason.Code) })
		if at < 0 {
			results = append(results, ConditionResult{Group: partVerify, Text: reason.Where, Codes: []finding.Code{reason.Code}, Reason: reason.String()})
			continue
		}
		if results[at].Met {
			results[at].Met, results[at].Reason = false, reason.String()
		}
	}
	return results
}

// joinNumbers writes numbers with commas between them.
func joinNumbers(numbers []int) string {
	texts := make([]string, len(numbers))
	for i, number := range numbers {
		texts[i] = strconv.Itoa(number)
	}
	return strings.Join(texts, ", ")
}
