package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Node is a server of a Citus cluster that has parts of tables.
type Node struct {
	Group string // its number in the cluster
	Host  string
	Port  uint16
}

// String returns host:port.
func (n Node) String() string { return net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port))) }

// Workers returns the other nodes of the cluster that take writes.
func Workers(ctx context.Context, conn *pgconn.PgConn) ([]Node, error) {
	rows, err := QueryRows(ctx, conn, `select groupid, nodename, nodeport from pg_catalog.pg_dist_node
		where groupid <> 0 and isactive and noderole = 'primary' order by groupid`)
	if err != nil {
		return nil, fmt.Errorf("asking for the nodes of the Citus cluster: %w", err)
	}
	nodes := make([]Node, len(rows))
	for i, row := range rows {
		port, err := strconv.ParseUint(row[2], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("reading the port of a node: %w", err)
		}
		nodes[i] = Node{Group: row[0], Host: row[1], Port: uint16(port)}
	}
	return nodes, nil
}

// The reasons why a node is not reached.
var (
	errSocket    = errors.New("DATABASE_URL names a socket, and not an address that could be another's too")
	errOtherNode = errors.New("it is not the node that the coordinator means")
)

// Reach returns the database of a node, with the account, the password and the settings for TLS of the
// address of this one, and makes sure that it is the node that the coordinator means. conn is a connection
// to the coordinator.
func (db *DB) Reach(ctx context.Context, conn *pgconn.PgConn, node Node) (*DB, error) {
	if strings.HasPrefix(db.config.Host, "/") {
		return nil, errSocket
	}
	// The nodes of a cluster know the same places of the same parts.
	const identity = `select current_database(), (select md5(string_agg(placementid || '/' || shardid || '/' || groupid, ' ' order by placementid)) from pg_catalog.pg_dist_placement)`
	own, err := QueryRows(ctx, conn, identity)
	if err != nil {
		return nil, err
	}
	there, err := newDB(db.configAt(node), db.options, nil)
	if err != nil {
		return nil, err
	}
	err = there.With(ctx, func(at *pgconn.PgConn) error {
		theirs, err := QueryRows(ctx, at, identity+", (select groupid from pg_catalog.pg_dist_local_group)")
		if err == nil && !slices.Equal(theirs[0], append(own[0], node.Group)) {
			err = errOtherNode
		}
		return err
	})
	if err != nil {
		there.Close()
		return nil, err
	}
	there.citus.Store(db.citus.Load())
	return there, nil
}

// configAt returns the configuration of the pools with the address of a node.
func (db *DB) configAt(node Node) *pgxpool.Config {
	pool := db.pool.Copy()
	config := &pool.ConnConfig.Config
	host, port := config.Host, config.Port
	move := func(of *pgconn.FallbackConfig) {
		if of.Host, of.Port = node.Host, node.Port; of.TLSConfig != nil {
			of.TLSConfig = of.TLSConfig.Clone()
			if of.TLSConfig.ServerName != "" {
				of.TLSConfig.ServerName = node.Host
			}
		}
	}
	// Of the other addresses those stay that are another way to the same server, with TLS or without.
	var fallbacks []*pgconn.FallbackConfig
	for _, other := range config.Fallbacks {
		if other.Host == host && other.Port == port {
			moved := *other
			move(&moved)
			fallbacks = append(fallbacks, &moved)
		}
	}
	first := pgconn.FallbackConfig{TLSConfig: config.TLSConfig}
	move(&first)
	config.Host, config.Port, config.TLSConfig, config.Fallbacks = first.Host, first.Port, first.TLSConfig, fallbacks
	config.RuntimeParams = maps.Clone(config.RuntimeParams)
	return pool
}

// Part is a part of a table that lies on the node that is asked.
type Part struct {
	Schema, Name string
	Pages        int64
}

// PartsHere returns the parts of a table on the node that is asked. Of parts that have copies on other nodes
// it returns none: they are not to be written one by one.
func PartsHere(ctx context.Context, conn *pgconn.PgConn, table Spread) ([]Part, error) {
	rows, err := QueryRows(ctx, conn, `select x.schema, x.name, pg_relation_size(x.oid) / current_setting('block_size')::bigint
		from (`+shardsSQL([]string{table.Table})+`) x where x.oid is not null
		and (select count(*) from pg_catalog.pg_dist_placement p where p.shardid = x.shardid) = 1 order by x.shardid`)
	if err != nil {
		return nil, fmt.Errorf("asking a node for its parts of %s: %w", table.Table, err)
	}
	parts := make([]Part, len(rows))
	for i, row := range rows {
		parts[i] = Part{Schema: row[0], Name: row[1], Pages: ParseNumber(row[2])}
	}
	return parts, nil
}
