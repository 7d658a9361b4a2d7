package pgdiscover

import (
	"context"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/postgres"
)

// ownTables is the condition that leaves out the tables that Citus keeps its own knowledge in, outside of
// the schemas of the server.
const ownTables = ` and not exists (select from pg_depend d join pg_extension e on e.oid = d.refobjid and e.extname in ('citus', 'citus_columnar')
	where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e')`

// loadSpreads loads which tables a Citus cluster keeps on its nodes, and returns the condition that leaves
// out those of Citus itself. On any other server there is neither.
func (s *searcher) loadSpreads(ctx context.Context) (condition string, err error) {
	citus, err := s.db.IsCitus(ctx, s.conn.PgConn())
	if err != nil || !citus {
		return "", err
	}
	s.spreads, err = postgres.Spreads(ctx, s.conn.PgConn())
	return ownTables, err
}

// measureSpread measures a relation by its parts. They are measured as they are now, also within a
// snapshot, which knows where they were a moment before it was taken.
func (s *searcher) measureSpread(ctx context.Context, relation discover.Relation) (discover.Size, error) {
	if _, there := s.spreads[relation.ID]; !there {
		return discover.Size{}, gone(relation, nil)
	}
	sizes, err := postgres.SpreadSizes(ctx, s.conn.PgConn(), []postgres.Spread{s.spreads[relation.ID]})
	if err != nil {
		return discover.Size{}, explainError(relation, err)
	}
	size := discover.Size{Pages: sizes[0].Pages, Parts: int64(sizes[0].Shards), Bytes: sizes[0].TableBytes, Storage: sizes[0].Storage}
	if s.moment != nil {
		size.Moved = s.moment.Sizes[relation.ID].Storage != size.Storage
	}
	return size, nil
}
