package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Each node of a Citus cluster takes a snapshot of its own, when it is asked for the first time within a
// transaction. A value that moves from a node that is still to be asked to one that was, is in neither of
// them. So the nodes are asked one right after the other, and then again by another transaction: where no
// transaction has ended on any of them meanwhile, all of the snapshots show the cluster as it was at one
// moment.

// Moment is what is known of the snapshots of a cluster's nodes.
type Moment struct {
	Apart   bool // the nodes were not seen at one moment, because transactions ended on them all the time
	Running bool // a transaction that has written was running on one of the nodes
	// Tables are the tables of the cluster by their OIDs, and Sizes says how large they were a moment before.
	Tables map[string]Spread
	Sizes  map[string]SpreadSize
}

// momentBudget bounds how long one moment is looked for. One try takes some ten milliseconds, and several times that
// where the nodes are busy.
const momentBudget = 20 * time.Second

// AcquireMoment is AcquireSnapshot, with all nodes of a Citus cluster at one moment. On any other server the
// moment is nil.
func (db *DB) AcquireMoment(ctx context.Context) (*Conn, *Moment, error) {
	conn, err := db.AcquireSnapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	moment, err := db.takeMoment(ctx, conn)
	if err != nil {
		conn.SetUnfit()
		conn.Close(ctx)
		return nil, nil, fmt.Errorf("taking a snapshot of the Citus cluster: %w", ExplainError(err))
	}
	return conn, moment, nil
}

// takeMoment begins the transaction of a snapshot anew until all nodes are at one moment.
func (db *DB) takeMoment(ctx context.Context, conn *Conn) (*Moment, error) {
	// What is asked before the snapshot is taken is asked elsewhere, because it would be taken then.
	var moment *Moment
	var sentinel *sentinel
	err := db.With(ctx, func(short *pgconn.PgConn) error {
		var citus bool
		err := InReadOnlyTransaction(ctx, short, func() (err error) {
			citus, err = db.IsCitus(ctx, short)
			return err
		})
		if err != nil || !citus {
			return err
		}
		if sentinel, err = newSentinel(ctx, short); err != nil {
			return err
		}
		moment, err = describeMoment(ctx, short, sentinel.spreads)
		return err
	})
	if err != nil || moment == nil {
		return nil, err
	}
	budget, cancel := context.WithTimeout(ctx, momentBudget)
	defer cancel()
	for {
		if _, err := conn.PgConn().Exec(ctx, "rollback; "+beginSnapshot(conn.PgConn())+"; "+oneConnection).ReadAll(); err != nil {
			return nil, err
		}
		one, err := db.tryMoment(ctx, conn, sentinel)
		if err != nil {
			return nil, err
		}
		if moment.Running, moment.Apart = one.running, !one.same; one.same || budget.Err() != nil {
			return moment, nil
		}
	}
}

// describeMoment notes where the tables of a cluster are stored.
func describeMoment(ctx context.Context, conn *pgconn.PgConn, spreads map[string]Spread) (*Moment, error) {
	moment := &Moment{Tables: spreads, Sizes: map[string]SpreadSize{}}
	oids := slices.Sorted(maps.Keys(spreads))
	tables := make([]Spread, len(oids))
	for i, oid := range oids {
		tables[i] = spreads[oid]
	}
	sizes, err := SpreadSizes(ctx, conn, tables)
	if err != nil {
		return nil, err
	}
	for i, oid := range oids {
		moment.Sizes[oid] = sizes[i]
	}
	return moment, nil
}

// sentinel asks the nodes of a cluster which transactions have ended on them.
type sentinel struct {
	spreads map[string]Spread
	tables  []string // one of each group, which together lie on every node that has rows
	nodes   int      // that have parts of tables, without the coordinator
	// bySideways says that the tables do not reach every node: one without rows does not answer a question
	// about them. The nodes are then asked by connections of their own, which takes longer.
	bySideways bool
}

func newSentinel(ctx context.Context, conn *pgconn.PgConn) (*sentinel, error) {
	spreads, err := Spreads(ctx, conn)
	if err != nil {
		return nil, err
	}
	s := &sentinel{spreads: spreads}
	groups := map[string]bool{}
	for _, oid := range slices.Sorted(maps.Keys(spreads)) {
		if spread := spreads[oid]; !groups[spread.Group] {
			groups[spread.Group] = true
			s.tables = append(s.tables, spread.Table)
		}
	}
	rows, err := QueryRows(ctx, conn, "select count(distinct groupid) from pg_catalog.pg_dist_placement where groupid <> 0")
	if err != nil {
		return nil, err
	}
	s.nodes = int(ParseNumber(rows[0][0]))
	return s, nil
}

// ownState is what a node says of the transactions that have ended on it, and whether any is running. The
// start of the server tells one node from another. The first page of each part is enough to be asked.
const ownState = `pg_catalog.pg_postmaster_start_time()::text || ' ' || pg_catalog.txid_current_snapshot()::text as state,
	pg_catalog.age((pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()) & 4294967295)::text::xid) > 0 as running`

// states asks every node in the transaction that is open, and returns their states. It reports whether any
// transaction was running.
func (s *sentinel) states(ctx context.Context, conn *pgconn.PgConn) (states []string, running bool, err error) {
	sql := "select " + ownState
	for _, table := range s.tables {
		sql += "; select distinct " + ownState + " from only " + table + " where ctid >= '(0,0)'::tid and ctid < '(1,0)'::tid"
	}
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, false, err
	}
	for _, result := range results {
		for _, row := range result.Rows {
			states, running = append(states, string(row[0])), running || string(row[1]) == "t"
		}
	}
	slices.Sort(states)
	return slices.Compact(states), running, nil
}

// sideways asks every other node by a connection of its own, on which no snapshot is open.
func (s *sentinel) sideways(ctx context.Context, conn *pgconn.PgConn) (states []string, running bool, err error) {
	answers, err := askNodes(ctx, conn, "select state || case when running then ' running' else '' end from (select "+ownState+") s")
	for _, answer := range answers {
		states, running = append(states, answer.Text), running || strings.HasSuffix(answer.Text, " running")
	}
	return states, running, err
}

// momentTry is what one try for a moment has found.
type momentTry struct{ same, running bool }

// tryMoment makes every node take its snapshot, and looks whether a transaction has ended on any of them
// since the first one did.
func (db *DB) tryMoment(ctx context.Context, conn *Conn, s *sentinel) (one momentTry, err error) {
	var before, taken, after []string
	if s.bySideways {
		err := db.With(ctx, func(short *pgconn.PgConn) error {
			before, one.running, err = s.sideways(ctx, short)
			return err
		})
		if err != nil {
			return one, err
		}
	}
	taken, running, err := s.states(ctx, conn.PgConn())
	if err != nil {
		return one, err
	}
	one.running = one.running || running
	if !s.bySideways && len(taken) <= s.nodes {
		s.bySideways = true
		return one, nil
	}
	err = db.With(ctx, func(short *pgconn.PgConn) error {
		if s.bySideways {
			after, _, err = s.sideways(ctx, short)
			return err
		}
		if _, err := short.Exec(ctx, "begin "+Isolation+" read only; "+oneConnection).ReadAll(); err != nil {
			return err
		}
		after, _, err = s.states(ctx, short)
		_, ended := short.Exec(context.WithoutCancel(ctx), "rollback").ReadAll()
		if err == nil {
			err = ended
		}
		return err
	})
	if s.bySideways {
		one.same = slices.Equal(before, after)
	} else {
		one.same = slices.Equal(taken, after)
	}
	return one, err
}

// oneConnection makes the coordinator use one connection to each node, so that a transaction has one
// snapshot there.
const oneConnection = "set local citus.max_adaptive_executor_pool_size = 1"
