package pgaudit

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
)

// readTenants reads the rows with a tenant, tenant by tenant, where the index is on tenant and time. Of
// each tenant only those are read that are as new as a full page needs. Without are the rows without a
// tenant that were read for the same page.
func (l timelineTable) readTenants(ctx context.Context, conn *pgconn.PgConn, filter review.Filter, without review.Batch, most int) (review.Batch, error) {
	oldest := ""
	if len(without.Rows) >= most {
		oldest = without.Rows[most-1].OwnTime()
	} else if l.keyed {
		var err error
		if oldest, err = l.guessOldest(ctx, conn, filter, most); err != nil {
			return review.Batch{}, err
		}
	}
	limit := " limit " + strconv.Itoa(most)
	branch := l.branch(filter, l.column(review.Tenant)+" = n.tenant_id", "")
	if oldest != "" {
		branch.add(l.column(review.Time)+" >= %s::"+l.typeOf(review.Time), oldest)
	}
	branch.sql = "select r.* from (" + l.tenantsSQL() + ") n cross join lateral (select " + l.selectList(true) + " from " + l.path() + " t where " + branch.timelinePredicate.sql() +
		" order by " + l.newest() + limit + ") r order by 1 desc, " + strconv.Itoa(int(review.ID)+2) + " desc" + limit
	batches, err := readBranches(ctx, conn, []timelineBranch{branch}, most)
	if err != nil {
		return review.Batch{}, err
	}
	return batches[0], nil
}

// guessOldest returns a time that the oldest row of a full page cannot be before, "" for none: that of
// the oldest among so many rows that the filter takes, whichever they are. It looks at a few of those
// that have the next lower ids, which are next in time where ids and times go up together.
func (l timelineTable) guessOldest(ctx context.Context, conn *pgconn.PgConn, filter review.Filter, most int) (string, error) {
	const share = 4 // of the rows that are looked at, so many for one that must match
	key := ""
	switch {
	case l.after != nil:
		key = l.after.ID
	case !filter.Until.IsZero():
		var err error
		if key, err = l.firstKeyAt(ctx, conn, filter.Until); err != nil {
			return "", err
		}
	}
	p := l.branch(filter, "", "").timelinePredicate
	from := strings.ReplaceAll(l.path(), "%", "%%")
	if key != "" {
		from = p.insert("(select * from "+from+" t where "+l.column(review.ID)+" < %s::"+l.typeOf(review.ID)+" order by "+l.column(review.ID)+" desc limit "+strconv.Itoa(most*share)+")", key)
	} else {
		from = "(select * from " + l.path() + " t order by " + l.column(review.ID) + " desc limit " + strconv.Itoa(most*share) + ")"
	}
	rows, err := postgres.QueryRows(ctx, conn, "select count(*) >= "+strconv.Itoa(most)+", min("+l.column(review.Time)+") from "+from+" t where "+p.sql(), p.params...)
	if err != nil || rows[0][0] != "t" {
		return "", err
	}
	return rows[0][1], nil
}
