// Package pgrecord is the record of runs in an OCMT database: the tables encryption_keys and
// encryption_migrations, and entries in the audit log. Record is all of it; a Ledger writes the
// entries of one run; a Control is how operators steer one.
package pgrecord

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
)

// Record is the record of runs of a database. It implements migrate.PlanRecord and
// rotation.Retirer.
type Record struct {
	db       *postgres.DB
	operator string
	chain    Chain
	process  Process
}

// Process says where a run works, for whoever looks at it from elsewhere.
type Process struct {
	Host string
	PID  int
}

// New returns the record of a database, without a chain. The entries name the operator.
func New(db *postgres.DB, operator string) *Record {
	return &Record{db: db, operator: operator, chain: noChain{}}
}

// WithProcess returns the record for the runs of a process.
func (r *Record) WithProcess(process Process) *Record {
	made := *r
	made.process = process
	return &made
}

// RecordedKeys implements migrate.PlanRecord. It returns the keys that are recorded by a
// fingerprint of 16 hexadecimal characters, as this tool records them.
func (r *Record) RecordedKeys(ctx context.Context) (map[int]string, error) {
	recorded := map[int]string{}
	err := r.db.With(ctx, func(conn *pgconn.PgConn) error {
		there, err := mayRead(ctx, conn, "encryption_keys")
		if err != nil || !there {
			return err
		}
		rows, err := postgres.QueryRows(ctx, conn, "select version, key_id from $encryption_keys where key_id::text ~ '^[0-9a-f]{16}$'")
		if err != nil {
			return err
		}
		for _, row := range rows {
			recorded[int(postgres.ParseNumber(row[0]))] = row[1]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading encryption_keys: %w", err)
	}
	return recorded, nil
}

// Retire implements rotation.Retirer: it records that nothing in the database is under these versions any
// more, and since when that is proven. A version that is proven already stays as it is, and one that is compromised
// stays so. Versions that the record does not have are recorded first: the values may have been moved before there was
// a record.
func (r *Record) Retire(ctx context.Context, proven rotation.Unneeded) (gone []int, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		return r.change(ctx, conn, func() (events []chain.Event, err error) {
			gone = nil
			if err := recordUnneeded(ctx, conn, proven); err != nil {
				return nil, fmt.Errorf("recording the key versions: %w", err)
			}
			for _, version := range proven.Versions {
				retired, err := postgres.QueryRows(ctx, conn, "select from $encryption_keys where version = $1 and status::text = '"+string(rotation.Retired)+"'", strconv.Itoa(version))
				if err != nil {
					return nil, fmt.Errorf("asking for key version %d: %w", version, err)
				}
				if len(retired) > 0 {
					gone = append(gone, version)
					continue
				}
				rows, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set rotated_at = now(),
					status = `+stateBehind+`
					where version = $1 and (status::text = 'active' or status::text in `+finishable+` and rotated_at is null) returning key_id`, strconv.Itoa(version))
				if err != nil {
					return nil, fmt.Errorf("recording key version %d: %w", version, err)
				}
				if len(rows) > 0 {
					events = append(events, chain.Event{Action: chain.ActionKeyRetired, Subject: chain.VersionSubject(version)})
				}
			}
			return events, nil
		})
	})
	return gone, err
}

// recordUnneeded records the version that a proof is for, as the active one, and those that nothing needs, where the record
// does not have them.
func recordUnneeded(ctx context.Context, conn *pgconn.PgConn, proven rotation.Unneeded) error {
	if err := createTables(ctx, conn); err != nil {
		return err
	}
	for _, version := range slices.Concat(proven.Versions, []int{proven.To}) {
		fingerprint, isSet := proven.Fingerprints[version]
		if !isSet {
			continue
		}
		if err := insertKey(ctx, conn, version, fingerprint); err != nil {
			return err
		}
	}
	return activateKnown(ctx, conn, proven.To)
}

// EndProofs implements rotation.Retirer. What is retired stays so: its key is gone already.
func (r *Record) EndProofs(ctx context.Context, isRefuted func(version int) bool) error {
	return r.db.With(ctx, func(conn *pgconn.PgConn) error {
		there, err := hasKeys(ctx, conn)
		if err != nil || !there {
			return err
		}
		return r.change(ctx, conn, func() (events []chain.Event, err error) {
			proven, err := postgres.QueryRows(ctx, conn, "select version from $encryption_keys where rotated_at is not null and status::text in "+finishable+" order by version")
			if err != nil {
				return nil, fmt.Errorf("asking what is proven: %w", err)
			}
			for _, row := range proven {
				version := int(postgres.ParseNumber(row[0]))
				if !isRefuted(version) {
					continue
				}
				if err := endProof(ctx, conn, version); err != nil {
					return nil, err
				}
				events = append(events, chain.Event{Action: chain.ActionKeyUnproven, Subject: chain.VersionSubject(version)})
			}
			return events, nil
		})
	})
}

// RecordedValues implements migrate.ValueRecord.
func (r *Record) RecordedValues(ctx context.Context) (values map[migrate.Place]int64, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) (err error) {
		values, err = queryValues(ctx, conn)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the record of runs: %w", err)
	}
	return values, nil
}

// queryValues asks how many values the columns had when they were recorded last. It leaves out
// runs that failed or never ended, because their counts may be wrong.
func queryValues(ctx context.Context, conn *pgconn.PgConn) (map[migrate.Place]int64, error) {
	may, err := mayRead(ctx, conn, "encryption_migrations")
	if err != nil || !may {
		return nil, err
	}
	rows, err := postgres.QueryRows(ctx, conn, `select distinct on (table_name, column_name) table_name, column_name, rows_total from $encryption_migrations
		where status::text in ('completed', 'partial', 'interrupted', 'resumed', 'accepted') order by table_name, column_name, started_at desc`)
	if err != nil {
		return nil, fmt.Errorf("reading encryption_migrations: %w", err)
	}
	values := map[migrate.Place]int64{}
	for _, row := range rows {
		values[recordedPlace(row[0], row[1])] = postgres.ParseNumber(row[2])
	}
	return values, nil
}

// CheckRecord implements migrate.PlanRecord: it asks for the rights on the two tables, or
// to create them, and then makes the entries of a run and takes them back.
func (r *Record) CheckRecord(ctx context.Context) (found []finding.Finding, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) (err error) {
		if found, err = checkTables(ctx, conn); err != nil || len(found) > 0 {
			return err
		}
		refused, err := tryBack(ctx, conn, func() error { return tryEntries(ctx, conn) })
		if err == nil && refused != "" {
			found = []finding.Finding{{Code: finding.RecordRefused, Severity: finding.Error, Where: "encryption_migrations",
				Message: "the record of a run cannot be made: " + refused,
				Fix:     "make encryption_keys and encryption_migrations as OCMT's security migration has them, or drop them: a run makes them anew"}}
		}
		return err
	})
	return found, err
}

// triedVersion is a key version that nobody has.
const triedVersion = 1<<31 - 1

// tryEntries makes the entries of a run with one column.
func tryEntries(ctx context.Context, conn *pgconn.PgConn) error {
	tried := migrate.LedgerEntry{To: triedVersion, Fingerprints: map[int]string{triedVersion: "tried"},
		Columns: []migrate.LedgerColumn{{Place: migrate.Place{Schema: "public", Table: "tried", Column: "tried"}}}}
	ids, err := begin(ctx, conn, tried)
	if err != nil {
		return err
	}
	_, err = postgres.QueryRows(ctx, conn, "update $encryption_migrations set completed_at = now(), status = 'accepted', error_message = 'tried' where id = $1", ids[0])
	return err
}

// checkTables finds missing rights on the two tables of the record.
func checkTables(ctx context.Context, conn *pgconn.PgConn) ([]finding.Finding, error) {
	var found []finding.Finding
	for _, name := range []string{"encryption_keys", "encryption_migrations"} {
		path, err := postgres.TablePath(ctx, conn, name)
		if err != nil {
			return nil, err
		}
		rows, err := postgres.QueryRows(ctx, conn, `select to_regclass($1) is not null,
			coalesce(has_schema_privilege(nullif($2, ''), 'CREATE'), false), current_user,
			coalesce((select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)), $2),
			coalesce(has_table_privilege(to_regclass($1), 'SELECT') and has_table_privilege(to_regclass($1), 'INSERT')
			and has_table_privilege(to_regclass($1), 'UPDATE'), false)`, path, postgres.PathOf(conn).Home)
		if err != nil {
			return nil, fmt.Errorf("asking for the rights on %s: %w", name, err)
		}
		there, create, who, schema, write := rows[0][0] == "t", rows[0][1] == "t", rows[0][2], rows[0][3], rows[0][4] == "t"
		switch {
		case there && !write:
			missing := postgres.TableRight("select, insert, update", schema, name, who)
			found = append(found, finding.Finding{Code: finding.MissingLedgerRights, Severity: finding.Error, Where: name,
				Message: fmt.Sprintf("the account %s may not record the run there", who), Fix: postgres.Grant(missing), Rights: []finding.Right{missing}})
		case !there && schema == "":
			found = append(found, finding.Finding{Code: finding.MissingLedger, Severity: finding.Error, Where: name,
				Message: fmt.Sprintf("the table is not there, and the search path of the account %s has no schema that it may use", who),
				Fix:     "set the search path of the account to the schema of OCMT's tables, and let it use that"})
		case !there && !create:
			missing := postgres.SchemaRight("create", schema, who)
			found = append(found, finding.Finding{Code: finding.MissingLedger, Severity: finding.Error, Where: name,
				Message: fmt.Sprintf("the table is not there and the account %s may not make it", who),
				Fix:     postgres.Grant(missing) + " or make the table with OCMT's security migration", Rights: []finding.Right{missing}})
		}
	}
	return found, nil
}

// mayRead reports whether a table is there and the account may read it.
func mayRead(ctx context.Context, conn *pgconn.PgConn, table string) (bool, error) {
	rows, err := postgres.QueryRows(ctx, conn, "select coalesce(has_table_privilege(to_regclass('$"+table+"'), 'SELECT'), false)")
	if err != nil {
		return false, err
	}
	return rows[0][0] == "t", nil
}
