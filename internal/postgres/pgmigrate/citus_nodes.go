package pgmigrate

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Where the other nodes of a Citus cluster can be reached with the address of the coordinator, the parts of
// a table are moved on the nodes that have them, by page ranges. A part is a table as any other there. Such
// a write takes no part in what Citus does to keep writes off a part that it moves to another node: one that
// comes in that moment is lost with the part's old place, and the next pass finds the row as it was.

// reachTimeout bounds how long a node is tried.
const reachTimeout = 3 * time.Second

// node is another node of the cluster.
type node struct {
	name string
	db   *postgres.DB // nil where it is not reached
	err  error        // why it is not
}

// reachNodes tries once to reach the other nodes of the cluster.
func (s *Store) reachNodes(ctx context.Context, conn *pgconn.PgConn) ([]node, error) {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	if s.nodes.tried {
		return s.nodes.list, nil
	}
	workers, err := postgres.Workers(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, worker := range workers {
		trying, cancel := context.WithTimeout(ctx, reachTimeout)
		one := node{name: worker.String()}
		one.db, one.err = s.db.Reach(trying, conn, worker)
		cancel()
		s.nodes.list = append(s.nodes.list, one)
	}
	s.nodes.tried = true
	return s.nodes.list, ctx.Err()
}

// describeNodes puts the parts of a table that lie on nodes which are reached in the place of its leaves.
// Where there are others, the table itself stays among them: the coordinator reads what the nodes have left.
func (s *Store) describeNodes(ctx context.Context, conn *pgconn.PgConn, oid string, found *describing, table *migrate.Table) error {
	// What a trigger has made of a row is looked at through the table.
	if table.Spread == nil || table.Spread.Part == "" || len(table.Triggers) > 0 {
		return nil
	}
	nodes, err := s.reachNodes(ctx, conn)
	if err != nil {
		return err
	}
	var leaves []migrate.Leaf
	for _, one := range nodes {
		if one.db == nil {
			continue
		}
		err := one.db.With(ctx, func(at *pgconn.PgConn) error {
			more, err := leavesHere(ctx, at, one.name, found.spreads[oid], *table)
			leaves = append(leaves, more...)
			return err
		})
		if err != nil {
			return fmt.Errorf("on the node %s: %w", one.name, err)
		}
	}
	if len(leaves) < table.Spread.Shards {
		leaves = append(leaves, table.Leaves...)
	}
	table.Leaves = leaves
	return nil
}

// leavesHere returns the parts of a table on a node that can be read and written there by page ranges. They
// are alike, so the first one is asked about.
func leavesHere(ctx context.Context, conn *pgconn.PgConn, name string, spread postgres.Spread, table migrate.Table) ([]migrate.Leaf, error) {
	parts, err := postgres.PartsHere(ctx, conn, spread)
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	byPages, err := readsByPages(ctx, conn, migrate.Leaf{Schema: parts[0].Schema, Name: parts[0].Name}, table)
	if err != nil || !byPages {
		return nil, err
	}
	leaves := make([]migrate.Leaf, len(parts))
	for i, part := range parts {
		leaves[i] = migrate.Leaf{Schema: part.Schema, Name: part.Name, Pages: part.Pages, ByPages: true, Node: name}
	}
	return leaves, nil
}

// describeReached says which nodes are reached, where the cluster has tables that lie in parts.
func (s *Store) describeReached(found *migrate.Description) {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	for _, one := range s.nodes.list {
		told := migrate.Node{Name: one.name}
		if one.err != nil {
			told.Problem = one.err.Error()
		}
		found.Nodes = append(found.Nodes, told)
	}
}

// OpenNode implements migrate.Connector.
func (s *Store) OpenNode(ctx context.Context, name string) (migrate.Conn, error) {
	s.nodes.mu.Lock()
	var at *postgres.DB
	for _, one := range s.nodes.list {
		if one.name == name {
			at = one.db
		}
	}
	s.nodes.mu.Unlock()
	if at == nil {
		return nil, fmt.Errorf("opening a connection to the node %s: it was not reached before", name)
	}
	conn, err := at.AcquireReader(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening a connection to the node %s: %w", name, err)
	}
	return newConn(conn), nil
}

// flushNodes returns when everything that was written on the nodes is safe on disk there.
func (s *Store) flushNodes(ctx context.Context) error {
	s.nodes.mu.Lock()
	list := s.nodes.list
	s.nodes.mu.Unlock()
	for _, one := range list {
		if one.db == nil {
			continue
		}
		if err := one.db.Flush(ctx); err != nil {
			return fmt.Errorf("on the node %s: %w", one.name, err)
		}
	}
	return nil
}
