package pgusertoken

import (
	"context"
	"strings"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/usertoken"
)

// Write implements usertoken.Writer. The tokens go into a temporary table by COPY: parameters of a statement stand in
// the server's log where it logs statements.
func (s *Store) Write(ctx context.Context, changes []usertoken.Change) (written []string, err error) {
	conn, err := s.db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	written, err = s.writeInTransaction(ctx, conn, changes)
	if err == nil {
		return written, nil
	}
	_, _ = conn.PgConn().Exec(context.WithoutCancel(ctx), "rollback").ReadAll() // where it fails, the end of the connection does the same
	if postgres.IsTransient(err) {
		return nil, nil
	}
	return nil, postgres.ExplainError(err)
}

// writeInTransaction writes changes, and returns the users whose rows were still as they had been read. The errors are
// those of the driver.
func (s *Store) writeInTransaction(ctx context.Context, conn *postgres.Conn, changes []usertoken.Change) (written []string, err error) {
	driver := conn.PgConn()
	if _, err := driver.Exec(ctx, "begin "+postgres.Isolation+"; "+conn.WriteSettings(true)+
		"; create temporary table pg_temp.ocmt_new_tokens (id uuid primary key, old text not null, new text not null) on commit drop").ReadAll(); err != nil {
		return nil, err
	}
	if _, err := driver.CopyFrom(ctx, strings.NewReader(copyText(changes)), "copy pg_temp.ocmt_new_tokens (id, old, new) from stdin"); err != nil {
		return nil, err
	}
	result := driver.ExecParams(ctx, updateSQL(s.described(), postgres.TriggersOnPathOf(driver)), nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	for _, row := range result.Rows {
		written = append(written, string(row[0]))
	}
	_, err = driver.Exec(ctx, "commit").ReadAll()
	return written, err
}

// updateSQL returns the statement that writes the tokens of the temporary table. A row that somebody else holds is
// passed over, so that it keeps none of the others waiting. The last condition is that for triggers.
func updateSQL(l layout, triggers string) string {
	return `with mine as materialized (select t.id from ` + l.path() + ` t join pg_temp.ocmt_new_tokens n on t.id = n.id where t.` + columnToken + ` collate "C" = n.old for no key update of t skip locked)
		update ` + l.path() + ` t set ` + columnToken + ` = n.new from mine join pg_temp.ocmt_new_tokens n on n.id = mine.id
		where t.id = mine.id and t.` + columnToken + ` collate "C" = n.old and ` + triggers + ` returning t.id::text`
}

// copyText writes changes in the text format of COPY.
func copyText(changes []usertoken.Change) string {
	escape := strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
	var text strings.Builder
	for _, change := range changes {
		text.WriteString(change.User + "\t")
		_, _ = escape.WriteString(&text, change.Old.Reveal())
		text.WriteString("\t" + change.New.Reveal() + "\n")
	}
	return text.String()
}
