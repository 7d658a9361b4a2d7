package pgchain

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
)

// The schemas that the table may be in, the first before the second. Where an account has the
// name of a schema, PostgreSQL looks there before it looks in public, and makes new tables there: an
// OCMT server of such an account would make its tables anew and find them empty. So a schema with
// the name of an account is never made.
const (
	usualSchema = "ocmt"
	otherSchema = "ocmt_tool"
)

const tableName = "record"

// ErrTwoRecords says that there is a table in both schemas, so that one of them is not the tool's.
var ErrTwoRecords = errors.New("there are two records, ocmt.record and ocmt_tool.record, and the tool makes only one")

// place is where the table is or would be.
type place struct {
	schema      string
	there       bool   // something of its name is there
	number      string // its object identifier
	foreign     string // why what is there is not taken as the record; "" where it is
	unique      bool   // the sequence numbers are unique
	schemaThere bool
	mayRead     bool // of a table that is there
	mayAdd      bool
	mayMake     bool // of one that is not
	readOnly    bool // the server or the account takes no writes
	account     string
	database    string
}

// table returns the table as SQL writes it.
func (p place) table() string { return postgres.Quote(p.schema, tableName) }

// name returns the table for people.
func (p place) name() string { return p.schema + "." + tableName }

// findPlace returns where the table is. Where it is not there, it returns where it would be: in the
// first schema that is there already, or that is no account's name. Callers is the search path of the
// account.
func findPlace(ctx context.Context, conn *pgconn.PgConn, callers string) (place, error) {
	rows, err := postgres.QueryRows(ctx, conn, placeSQL, callers)
	if err != nil {
		return place{}, fmt.Errorf("looking for the record: %w", err)
	}
	var found []place
	var free []place
	for _, row := range rows {
		is := func(column int) bool { return row[column] == "t" }
		p := place{schema: row[0], schemaThere: is(1), there: is(2), mayRead: is(3), mayAdd: is(4), mayMake: is(5), readOnly: is(7), account: row[8], database: row[9],
			number: row[10], foreign: row[11], unique: is(12)}
		if p.there {
			found = append(found, p)
		}
		if p.schemaThere || !is(6) {
			free = append(free, p)
		}
	}
	switch {
	case len(found) > 1:
		return place{}, explainTwo(found)
	case len(found) == 1:
		return found[0], nil
	case len(free) > 0:
		return free[0], nil
	}
	return place{account: rows[0][8], database: rows[0][9], readOnly: rows[0][7] == "t"}, nil
}

// explainTwo returns the error of two records, which names the one that is not the tool's.
func explainTwo(found []place) error {
	for _, p := range found {
		if p.foreign != "" {
			return fmt.Errorf("%w: %s", ErrTwoRecords, p.foreign)
		}
	}
	return ErrTwoRecords
}

// ForeignError says that what has the name of the record is not the table that the tool makes, or can
// run what others wrote with the rights of whoever reads it or adds to it.
type ForeignError struct{ Prospect chain.Prospect }

// Error says what it is, and whose.
func (e *ForeignError) Error() string { return e.Prospect.Reason }

// prospect says what will become of entries.
func (p place) prospect() chain.Prospect {
	found := chain.Prospect{Place: p.name(), Made: !p.there}
	switch {
	case p.foreign != "":
		found.Reason, found.Fix = p.foreign, "find out who made it, and let a DBA put it right; --record FILE keeps the entries in a file meanwhile"
	case p.readOnly:
		found.Reason, found.Fix = "the server or the account takes no writes", "--record FILE keeps the entries in a file"
	case p.schema == "":
		found.Reason = "accounts have the names ocmt and ocmt_tool, so that a schema of that name would come before public in what they see"
		found.Fix = "--record FILE keeps the entries in a file"
	case p.there && !p.mayAdd:
		found.Reason = "the account may not add to " + p.name()
		found.Missing, found.Fix = p.rights("select, insert"), "--record FILE keeps the entries in a file"
	case !p.there && !p.mayMake && p.schemaThere:
		found.Reason = "there is no " + p.name() + ", and the account may not make it"
		found.Fix = "a DBA makes it with what ocmt audit verify-chain --sql prints; or --record FILE"
	case !p.there && !p.mayMake:
		found.Reason = "there is no " + p.name() + ", and the account may not make it"
		found.Missing = []finding.Right{postgres.DatabaseRight("create", p.database, p.account)}
		found.Fix = "a DBA makes it with what ocmt audit verify-chain --sql prints; or --record FILE keeps the entries in a file"
	}
	found.Made = found.Made && found.Reason == ""
	return found
}

// rights returns what the account needs to use the table with some privileges.
func (p place) rights(privileges string) []finding.Right {
	return []finding.Right{postgres.SchemaRight("usage", p.schema, p.account), postgres.TableRight(privileges, p.schema, tableName, p.account)}
}

// makingSQL returns the statements that make the table.
func (p place) makingSQL() []string {
	var statements []string
	if !p.schemaThere {
		statements = append(statements, "create schema "+postgres.Quote(p.schema))
	}
	return append(statements, `create table `+p.table()+` (
	sequence bigint primary key check (sequence > 0),
	at timestamptz not null,
	operator text not null,
	host text not null,
	command text not null,
	action text not null,
	subject text not null,
	details text not null,
	previous text not null unique,
	hash text not null unique
)`)
}

// scriptSQL returns what a DBA runs, so that the account can add to the table and change nothing in
// it; "" where it can already.
func (p place) scriptSQL() string {
	if p.there && p.mayAdd {
		return ""
	}
	var statements []string
	if !p.there {
		statements = p.makingSQL()
	}
	script := strings.Join(finding.Grants(p.rights("select, insert")), "\n") + "\ncommit;\n"
	if len(statements) > 0 {
		script = strings.Join(statements, ";\n") + ";\n" + script
	}
	return "begin;\n" + script
}
