package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Citus spreads the rows of a table over the servers of a cluster: its nodes. The coordinator keeps the
// table itself empty, and answers as if the rows were there. What is said of a table by the catalogue, by
// its locks and by the numbers of transactions is true of the coordinator alone.

// IsCitus reports whether the database belongs to a Citus cluster. It asks once.
func (db *DB) IsCitus(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	const unknown, plain, citus = 0, 1, 2
	if known := db.citus.Load(); known != unknown {
		return known == citus, nil
	}
	rows, err := QueryRows(ctx, conn, "select exists (select from pg_catalog.pg_extension where extname = 'citus')")
	if err != nil {
		return false, fmt.Errorf("asking for Citus: %w", err)
	}
	found := rows[0][0] == "t"
	if found {
		db.citus.Store(citus)
	} else {
		db.citus.Store(plain)
	}
	return found, nil
}

// IsCitusWorker reports whether the server of a Citus cluster is one of its workers, and not the coordinator.
func IsCitusWorker(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	rows, err := QueryRows(ctx, conn, "select exists (select from pg_catalog.pg_dist_local_group where groupid <> 0)")
	if err != nil {
		return false, fmt.Errorf("asking for the place in the Citus cluster: %w", err)
	}
	return rows[0][0] == "t", nil
}

// Spread says how the rows of a table lie in a Citus cluster.
type Spread struct {
	Table string // as SQL writes it
	// Part is the column that says on which node a row lies, and PartType its type. It is "" where one node
	// has all of the rows, or each node has.
	Part, PartType string
	Group          string // tables of one group lie on the same nodes, in the same way
}

// Spreads returns the tables that Citus keeps, by their OIDs.
func Spreads(ctx context.Context, conn *pgconn.PgConn) (map[string]Spread, error) {
	rows, err := QueryRows(ctx, conn, `select c.oid, n.nspname, c.relname, coalesce(a.attname, ''), coalesce(pg_catalog.format_type(a.atttypid, a.atttypmod), ''),
		p.partmethod::text || p.repmodel::text || case when p.colocationid = 0 and p.partmethod <> 'n' then c.oid::text else p.colocationid::text end
		from pg_catalog.pg_dist_partition p join pg_catalog.pg_class c on c.oid = p.logicalrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		left join pg_catalog.pg_attribute a on a.attrelid = c.oid and p.partmethod <> 'n' and a.attname = pg_catalog.column_to_column_name(p.logicalrelid, p.partkey)
		order by c.oid`)
	if err != nil {
		return nil, fmt.Errorf("asking for the tables of the Citus cluster: %w", err)
	}
	spreads := map[string]Spread{}
	for _, row := range rows {
		spreads[row[0]] = Spread{Table: Quote(row[1], row[2]), Part: row[3], PartType: row[4], Group: row[5]}
	}
	return spreads, nil
}

// nodeAnswer is what a node of a cluster has answered.
type nodeAnswer struct {
	Node string // "" is the server that was asked
	Text string
}

// askWorkers sends a statement that returns one text to every other node. It is read in a transaction of its
// own there. Where a node does not answer, nothing is known of its rows, which is an error.
func askWorkers(ctx context.Context, conn *pgconn.PgConn, sql string) ([]nodeAnswer, error) {
	rows, err := QueryRows(ctx, conn, `select w.nodename || ':' || w.nodeport, w.success, w.result from pg_catalog.run_command_on_workers($1) w`, sql)
	if err != nil {
		return nil, fmt.Errorf("asking the nodes of the Citus cluster: %w", err)
	}
	answers := make([]nodeAnswer, len(rows))
	for i, row := range rows {
		if row[1] != "t" {
			return nil, fmt.Errorf("the node %s of the Citus cluster does not answer: %s", row[0], row[2])
		}
		answers[i] = nodeAnswer{Node: row[0], Text: row[2]}
	}
	return answers, nil
}

// askNodes sends a statement that returns one text to every node.
func askNodes(ctx context.Context, conn *pgconn.PgConn, sql string) ([]nodeAnswer, error) {
	own, err := QueryRows(ctx, conn, sql)
	if err != nil {
		return nil, fmt.Errorf("asking the coordinator of the Citus cluster: %w", err)
	}
	others, err := askWorkers(ctx, conn, sql)
	return append([]nodeAnswer{{Text: own[0][0]}}, others...), err
}

// SpreadSize is how large a table of a Citus cluster is. Of a table that each node has whole, all copies count.
type SpreadSize struct {
	Shards     int   // parts
	Pages      int64 // of the largest part
	HeapBytes  int64
	TableBytes int64 // with the values that are stored apart from the rows
	Rows       int64 // by the statistics of the nodes
	// Storage changes when a part is rewritten, truncated, replaced, or moved to another node.
	Storage string
}

// shardsSQL selects the parts of tables that lie on the node that is asked: the number of the table among
// those that were named, and the number, the names and the OID of the part. Citus names a part of the schema
// public without its schema, whatever the search path is.
func shardsSQL(tables []string) string {
	return `select f.*, to_regclass(quote_ident(f.schema) || '.' || quote_ident(f.name))::oid as oid
		from (select w.place, s.shardid, n.nspname as schema, (parse_ident(pg_catalog.shard_name(s.logicalrelid, s.shardid)::text))[
				cardinality(parse_ident(pg_catalog.shard_name(s.logicalrelid, s.shardid)::text))] as name
			from unnest(` + QuoteLiteral(TextArray(tables)) + `::text[]) with ordinality w(name, place)
			join pg_catalog.pg_dist_shard s on s.logicalrelid = to_regclass(w.name) join pg_catalog.pg_dist_placement p using (shardid)
			join pg_catalog.pg_class c on c.oid = s.logicalrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			where p.groupid = (select groupid from pg_catalog.pg_dist_local_group)) f`
}

// SpreadSizes returns how large tables of a cluster are, in the order of the tables.
func SpreadSizes(ctx context.Context, conn *pgconn.PgConn, tables []Spread) ([]SpreadSize, error) {
	sizes := make([]SpreadSize, len(tables))
	if len(tables) == 0 {
		return sizes, nil
	}
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = table.Table
	}
	answers, err := askNodes(ctx, conn, `select coalesce(json_agg(json_build_array(x.place, x.shardid, coalesce(pg_relation_filenode(x.oid), 0)::bigint,
		coalesce(pg_relation_size(x.oid), 0), coalesce(pg_table_size(x.oid), 0),
		coalesce((select greatest(c.reltuples, 0)::bigint from pg_catalog.pg_class c where c.oid = x.oid), 0))), '[]')::text from (`+shardsSQL(names)+`) x`)
	if err != nil {
		return nil, err
	}
	block, err := QueryRows(ctx, conn, "select current_setting('block_size')")
	if err != nil {
		return nil, err
	}
	files := make([][]string, len(tables))
	for _, answer := range answers {
		var parts [][6]int64
		if err := json.Unmarshal([]byte(answer.Text), &parts); err != nil {
			return nil, fmt.Errorf("reading what the node %s says of its tables: %w", answer.Node, err)
		}
		for _, part := range parts {
			at := part[0] - 1
			size := &sizes[at]
			size.Shards++
			size.Pages = max(size.Pages, part[3]/max(1, ParseNumber(block[0][0])))
			size.HeapBytes, size.TableBytes, size.Rows = size.HeapBytes+part[3], size.TableBytes+part[4], size.Rows+part[5]
			files[at] = append(files[at], strconv.FormatInt(part[1], 10)+"@"+answer.Node+":"+strconv.FormatInt(part[2], 10))
		}
	}
	for i := range files {
		slices.Sort(files[i])
		sizes[i].Storage = strings.Join(files[i], " ")
	}
	return sizes, nil
}
