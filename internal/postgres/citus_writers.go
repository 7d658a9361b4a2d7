package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ownClient is the condition that a lock belongs to a client of the node, or to a prepared transaction. The
// connections by which another node works here stand for a client of that node, which is listed there.
const ownClient = "(l.pid is null or coalesce(a.application_name, '') not like 'citus\\_internal gpid=%')"

// writersOfNodes asks every node of a Citus cluster who has written to tables. A client of the coordinator
// locks the table itself there, and a prepared transaction its parts on the other nodes.
func writersOfNodes(ctx context.Context, conn *pgconn.PgConn, tables []string) ([]Writer, error) {
	sql := writersSQL(QuoteLiteral(TextArray(tables))+"::text[]", " union all select s.oid from ("+shardsSQL(tables)+") s", ownClient)
	answers, err := askNodes(ctx, conn, "select coalesce(json_agg(json_build_array(w.id, w.name, w.ending)), '[]')::text from ("+sql+") w(id, name, ending)")
	if err != nil {
		return nil, fmt.Errorf("asking who has written to the tables: %w", err)
	}
	var writers []Writer
	for _, answer := range answers {
		var found [][3]string
		if err := json.Unmarshal([]byte(answer.Text), &found); err != nil {
			return nil, fmt.Errorf("reading who has written to the tables of the node %s: %w", answer.Node, err)
		}
		for _, one := range found {
			writer := Writer{ID: one[0], Name: one[1], End: one[2]}
			if answer.Node != "" {
				writer = Writer{ID: answer.Node + " " + one[0], Name: one[1] + " on " + answer.Node, End: one[2] + " on " + answer.Node}
			}
			writers = append(writers, writer)
		}
	}
	return writers, nil
}
