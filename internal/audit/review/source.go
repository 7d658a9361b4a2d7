package review

import (
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
)

// Source names an audit table.
type Source string

// The audit tables (contract, section 5).
const (
	AuditLog        Source = "audit_log"
	MeshAuditLogs   Source = "mesh_audit_logs"
	GroupVaultAudit Source = "group_vault_audit"
	SecurityEvents  Source = "security_events"
	MFAAttempts     Source = "mfa_attempts"
	// Record is what ocmt itself has recorded, wherever its table is.
	Record Source = "ocmt.record"
)

// Sources returns all audit tables.
func Sources() []Source {
	return []Source{AuditLog, MeshAuditLogs, GroupVaultAudit, SecurityEvents, MFAAttempts, Record}
}

// Field numbers what a row tells. Each audit table has columns for some of them.
type Field int

// The fields of a row. Time is in UTC.
const (
	Time Field = iota
	ID
	Action
	User
	Target
	Group
	Tenant
	Address
	Success
	Error
	Severity
	Object
	Agent
	Origin
	Details
	FieldCount // how many there are
)

// fieldNames are the names of the fields in documents and exports.
var fieldNames = [FieldCount]string{"time", "id", "action", "user_id", "target_id", "group_id", "tenant_id", "address", "success", "error", "severity", "object", "user_agent", "origin", "details"}

// String returns the name of the field in documents and exports.
func (f Field) String() string { return fieldNames[f] }

// Order says how the rows of a source are brought into the order of their times.
type Order string

// The orders. ByKey rests on an assumption: that ids and times go up together.
const (
	ByTime   Order = "time index"
	ByTenant Order = "index on tenant and time"
	ByKey    Order = "primary key"
	BySort   Order = "sorting"
)

// State is what is known of a source before its rows are read.
type State struct {
	Source Source `json:"name"`
	// Unread says why the source is not read. It is not set where it is.
	Unread finding.Reason `json:"not_read"`
	// Absent says that the deployment has no such table.
	Absent bool `json:"absent"`
	// Lacking are the columns that are not there, or that the account may not read.
	Lacking []string `json:"columns_lacking"`
	// Zone is the time zone in which times of a column without zone are read, "" for a column with one.
	Zone string `json:"read_in_zone"`
	// Order says how rows are brought into order.
	Order Order `json:"order"`
	// Assumed is what the order rests on, "" for nothing.
	Assumed string `json:"assumed"`

	// Has says which fields the table has columns for.
	Has [FieldCount]bool `json:"-"`
}

// CannotAnswer returns why no row of the source can match a filter, "" where one can.
func (s State) CannotAnswer(f Filter) string {
	var lacking []string
	for _, asked := range []struct {
		name string
		is   bool
		any  []Field
	}{
		{"user", len(f.Users) > 0, []Field{User, Target}},
		{"tenant", len(f.Tenants) > 0, []Field{Tenant, User}},
		{"group", len(f.Groups) > 0, []Field{Group}},
		{"address", len(f.Networks) > 0, []Field{Address}},
	} {
		if asked.is && !slices.ContainsFunc(asked.any, func(field Field) bool { return s.Has[field] }) {
			lacking = append(lacking, asked.name)
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return "its rows tell no " + strings.Join(lacking, " and no ")
}

// Description is what is known of all sources.
type Description struct {
	Database string
	// Now is the time by the clock of the database.
	Now    time.Time
	States []State
	// ZoneDoubt says why times without a zone may be read wrongly, "" for no doubt.
	ZoneDoubt string
}

// State returns what is known of a source.
func (d *Description) State(source Source) State {
	for _, state := range d.States {
		if state.Source == source {
			return state
		}
	}
	return State{Source: source, Absent: true, Unread: finding.Reason{Text: "it was not looked for"}}
}
