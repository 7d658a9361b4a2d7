package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/ocmt"
)

// PostgreSQLRole is a role with the rights that reach beyond its tables.
type PostgreSQLRole struct {
	Name   string
	Powers []string // SUPERUSER, CREATEROLE, a predefined role
}

// lookAtPowers finds rights of the servers' roles that they do not need.
func lookAtPowers(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	roles, err := source.ApplicationRoles(ctx)
	if err != nil {
		return seen, err
	}
	var names []string
	for _, role := range roles {
		names = append(names, role.Name)
		for _, power := range role.Powers {
			seen.Faults = append(seen.Faults, Fault{Object: "role " + role.Name + " " + power, Cause: "role " + role.Name, Message: "has rights that the servers do not need",
				Expected: "no right beyond its tables", Actual: strings.Join(role.Powers, ", "), Places: []string{power}})
		}
	}
	seen.Looked = "the roles of the servers: " + strings.Join(names, ", ")
	if len(names) == 0 {
		seen.Gaps = append(seen.Gaps, Gap{What: "the role of the servers", Reason: "no role that can log in may add to users"})
	}
	return seen, nil
}

// SecretColumn is a column with secrets, of a table in any schema.
type SecretColumn struct{ Table, Column string }

// SecretReader is an account that may read a column with secrets.
type SecretReader struct {
	Role   string // PUBLIC for every account
	Via    string // the role that has the right
	Column string // schema, table and column
	View   string // the view that shows the column, "" where the table itself can be read
	// Function is one that runs with its owner's rights and names the table, so that it may hand the column
	// out; "" where the column can be read.
	Function string
}

// clearSecretColumns are the columns with secrets in clear (contract, section 1).
func clearSecretColumns() []SecretColumn {
	return []SecretColumn{{"users", "telegram_bot_token"}, {"tenants", "settings"}, {"group_invites", "token"}, {"capability_approvals", "token"},
		{"pending_mfa_sessions", "session_token"}, {"admin_action_confirmations", "token"}}
}

// secretColumns are all columns with secrets, by the names that the tables have or had.
func secretColumns() []SecretColumn {
	list := clearSecretColumns()
	for _, table := range ocmt.Catalogue() {
		for _, name := range []string{table.Name, table.OldName} {
			for _, column := range table.Columns {
				if name != "" {
					list = append(list, SecretColumn{name, column.Name})
				}
			}
		}
	}
	return list
}

// secretTables are the tables of secretColumns.
func secretTables() []string {
	var list []string
	for _, column := range secretColumns() {
		list = append(list, column.Table)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// lookAtReaders finds accounts that may read secrets and need not.
func lookAtReaders(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	readers, columns, err := source.SecretReaders(ctx, secretColumns())
	if err != nil {
		return seen, err
	}
	for _, reader := range readers {
		seen.Faults = append(seen.Faults, readerFault(reader))
	}
	schemas, err := source.OpenSchemas(ctx, secretTables())
	for _, schema := range schemas {
		seen.Faults = append(seen.Faults, Fault{Object: "schema " + schema, Message: "lets every account make objects in it", Expected: "no CREATE for PUBLIC", Actual: "CREATE for PUBLIC",
			Fix: "REVOKE CREATE ON SCHEMA " + schema + " FROM PUBLIC"})
	}
	seen.Looked = countThings(columns, "column", "columns")
	return seen, err
}

// readerFault makes the fault of one account and one column.
func readerFault(reader SecretReader) Fault {
	cause, member := "role "+reader.Role, ""
	if reader.Role == everybody {
		cause = everybody
	}
	if reader.Via != reader.Role {
		member = " as a member of " + reader.Via
	}
	if reader.Function != "" {
		function := "function " + reader.Function
		return Fault{Object: cause + " calls " + function, Cause: function, Severity: Medium, Message: "runs with its owner's rights, names a table of secrets, and may hand out what it reads",
			Expected: "EXECUTE only for the servers' role", Actual: "EXECUTE for " + cause + member, Places: []string{cause + ", from " + reader.Column}, Fix: "REVOKE EXECUTE ON FUNCTION " + reader.Function + " FROM " + reader.Via}
	}
	place := reader.Column
	if reader.View != "" {
		place += " through " + reader.View
	}
	return Fault{Object: cause + " reads " + place, Cause: cause, Message: "may read columns of secrets", Expected: "only the servers' role", Actual: "SELECT" + member, Places: []string{place}}
}

// everybody is the name of all accounts together.
const everybody = "PUBLIC"

// rowSecurityTables are the tables that a check reads.
func rowSecurityTables() []string {
	list := append(secretTables(), "sessions", "magic_links", "api_keys", "group_vault_tokens", "emergency_access_tokens", "recovery_requests", "oauth_states",
		"audit_webhooks", "security_events", "mfa_attempts", "encryption_keys", "encryption_migrations", "audit_log", "mesh_audit_logs", "group_vault_audit")
	slices.Sort(list)
	return slices.Compact(list)
}

// lookAtRowSecurity finds tables whose rows are hidden from the audit.
func lookAtRowSecurity(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	hidden, looked, err := source.HiddenTables(ctx, rowSecurityTables())
	for _, table := range hidden {
		seen.Faults = append(seen.Faults, Fault{Object: table, Cause: "tables with row security", Message: "hide rows from the audit", Expected: "a role with BYPASSRLS", Actual: "row security is active for the account",
			Places: []string{table}})
	}
	seen.Looked = countThings(looked, "table", "tables")
	return seen, err
}
