package pgaudit

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
)

// timelineBranch is a statement that returns rows of a source, the newest first.
type timelineBranch struct {
	timelinePredicate
	source review.Source
	sql    string
	apart  bool // rows with a tenant have a place of their own
}

// newest returns the order of the rows.
func (l timelineTable) newest() string {
	return l.column(review.Time) + " desc" + l.nulls + ", " + l.column(review.ID) + " desc"
}

// branches returns the statements that read a table after a position, each at most so many rows: all
// but that of readTenants.
func (l timelineTable) branches(filter review.Filter, most int) []timelineBranch {
	limit := " limit " + strconv.Itoa(most)
	newest := l.newest()
	switch l.order {
	case review.ByKey:
		return []timelineBranch{l.branch(filter, "", l.column(review.ID)+" desc"+limit)}
	case review.ByTenant:
		// No index is on the time alone: rows without a tenant are one part of the index, and each
		// tenant is another one.
		tenant := l.column(review.Tenant)
		without := l.branch(filter, tenant+" is null", tenant+l.tenantOrder+", "+newest+limit)
		if l.apart() {
			with := l
			with.order = review.ByKey
			if with.after != nil {
				with.after = &review.Position{ID: l.after.TenantID}
			}
			branches := []timelineBranch{without, with.branch(filter, tenant+" is not null", l.column(review.ID)+" desc"+limit)}
			branches[0].apart, branches[1].apart = true, true
			return branches
		}
		return []timelineBranch{without}
	default:
		return []timelineBranch{l.branch(filter, "", newest+limit)}
	}
}

// apart reports whether rows with a tenant are read in the order of their ids, with a place of their own.
func (l timelineTable) apart() bool { return l.order == review.ByTenant && l.tenants && !l.byLateral }

// readsByTenant reports whether rows with a tenant are read by readTenants.
func (l timelineTable) readsByTenant() bool {
	return l.order == review.ByTenant && l.tenants && l.byLateral
}

// beginAfter makes the table be read after a place. A place goes on in the order in which it was reached,
// also where the deployment has got fewer tenants. Where it has got too many since, the error is
// review.ErrCursor.
func (l *timelineTable) beginAfter(after review.Cursor) error {
	position, read := after[l.source]
	if !read {
		return nil
	}
	if position.Apart && l.order == review.ByTenant {
		l.tenants, l.byLateral = true, false
	}
	if position.Apart != l.apart() {
		return review.ErrCursor
	}
	l.after = &position
	return nil
}

// branch returns a statement with an order of its own.
func (l timelineTable) branch(filter review.Filter, condition, order string) timelineBranch {
	b := timelineBranch{source: l.source}
	if condition != "" {
		b.add(condition)
	}
	at, id := l.column(review.Time), l.column(review.ID)
	b.add(at + " is not null")
	if l.after == nil || l.after.ID == "" {
		// The first page begins at the first row.
	} else if l.order == review.ByKey {
		b.add(id+" < %s::"+l.typeOf(review.ID), l.after.ID)
	} else {
		b.add(at+" <= %[1]s::"+l.typeOf(review.Time)+" and ("+at+" < %[1]s::"+l.typeOf(review.Time)+" or "+id+" < %[2]s::"+l.typeOf(review.ID)+")", l.after.Time, l.after.ID)
	}
	if l.allOlder {
		b.add("false")
	}
	if l.firstKey != "" {
		b.add(id+" >= %s::"+l.typeOf(review.ID), l.firstKey)
	}
	if l.lastKey != "" {
		b.add(id+" <= %s::"+l.typeOf(review.ID), l.lastKey)
	}
	l.addFilter(&b.timelinePredicate, filter)
	b.sql = "select " + l.selectList(true) + " from " + l.path() + " t where " + b.timelinePredicate.sql() + " order by " + order
	return b
}

// maxTenants is up to how many tenants the rows of each are looked up by themselves.
const maxTenants = 1000

// tenantsSQL returns the tenants that have rows, by one look into the index for each.
func (l timelineTable) tenantsSQL() string {
	tenant, path := postgres.Quote(l.columns[review.Tenant]), l.path()
	return "with recursive n(tenant_id) as ((select t." + tenant + " from " + path + " t where t." + tenant + " is not null order by t." + tenant + " limit 1) union all " +
		"select (select t." + tenant + " from " + path + " t where t." + tenant + " > n.tenant_id order by t." + tenant + " limit 1) from n where n.tenant_id is not null) " +
		"select n.tenant_id from n where n.tenant_id is not null limit " + strconv.Itoa(maxTenants+1)
}

// disorder is by how much ids and times may go up in another order, where the primary key stands for
// the time: a row gets its time when its transaction begins.
const disorder = 10 * time.Minute

// boundKeys looks for the keys that stand at the bounds of a filter, where the table is read by its
// primary key, so that a page in the middle does not read all that is newer.
func (l *timelineTable) boundKeys(ctx context.Context, conn *pgconn.PgConn, filter review.Filter) (err error) {
	if l.order != review.ByKey {
		return nil
	}
	if !filter.Since.IsZero() {
		if l.firstKey, err = l.firstKeyAt(ctx, conn, filter.Since.Add(-disorder)); err != nil {
			return err
		}
		l.allOlder = l.firstKey == ""
	}
	if !filter.Until.IsZero() {
		l.lastKey, err = l.firstKeyAt(ctx, conn, filter.Until.Add(disorder))
	}
	return err
}

// firstKeyAt returns the first key whose row is of a time or later, by halving; "" where all are older.
func (l timelineTable) firstKeyAt(ctx context.Context, conn *pgconn.PgConn, at time.Time) (string, error) {
	id, when := l.column(review.ID), l.column(review.Time)
	rows, err := postgres.QueryRows(ctx, conn, "select min("+id+"), max("+id+") from "+l.path()+" t")
	if err != nil || rows[0][0] == "" {
		return "", err
	}
	p := &timelinePredicate{}
	later := p.insert(when+" >= "+l.bound(), timeText(at))
	sql := "select " + id + ", " + later + " from " + l.path() + " t where " + id + " >= $2::" + l.typeOf(review.ID) + " and " + when + " is not null order by " + id + " limit 1"
	found, low, high := "", postgres.ParseNumber(rows[0][0]), postgres.ParseNumber(rows[0][1])
	for low <= high {
		middle := low + (high-low)/2
		rows, err := postgres.QueryRows(ctx, conn, sql, p.params[0], strconv.FormatInt(middle, 10))
		switch {
		case err != nil:
			return "", err
		case len(rows) == 0:
			high = middle - 1
		case rows[0][1] == "t":
			found, high = rows[0][0], middle-1
		default:
			low = postgres.ParseNumber(rows[0][0]) + 1
		}
	}
	return found, nil
}
