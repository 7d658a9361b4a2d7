package pgaudit

import (
	"context"

	"github.com/ocmt/ocmt/internal/audit"
)

// leakPatterns are what a text can hold, as the server's regular expressions find it. The texts themselves
// never leave the server.
const leakPatterns = `(values
	('an address with a password', '[a-z][a-z0-9+]*://[^/@\s:'']*:[^/@\s'']+@'),
	('a private key', '-----BEGIN [A-Z ]*PRIVATE KEY-----'),
	('a password', '(^|\W)(password|passwd|pwd)\s*(:=|=>|=)\s*''[^\s'']{4,}'''),
	('a password', '(host|hostaddr|dbname|user)=\S[^\n;]*\Wpassword=''*[^\s'']{4,}'),
	('a token or key', '(^|\W)\w*(secret|token|api_?key|encryption_?key)\s*(:=|=>|=)\s*''[^\s'']{16,}'''),
	('a token or key', '(sk_live_|rk_live_|whsec_|opw_live_|AKIA|ghp_|sk-ant-)[A-Za-z0-9_-]{16,}'),
	('a token or key', '''[0-9a-f]{64}''')) as k(kind, pattern)`

// CatalogueSecrets implements audit.PostgreSQLSource.
func (s *Snapshot) CatalogueSecrets(ctx context.Context) (found []audit.CatalogueSecret, gaps []audit.Gap, err error) {
	for _, q := range []question{
		{what: "pg_proc", sql: `select 'function ' || p.oid::regprocedure::text, min(k.kind) from pg_proc p join pg_namespace n on n.oid = p.pronamespace join ` + leakPatterns + ` on ` + body + ` ~* k.pattern
			where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
			and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e') group by p.oid order by 1`},
		{what: "pg_db_role_setting", sql: `select 'setting ' || split_part(c, '=', 1) || ' of ' || coalesce('role ' || r.rolname, 'database ' || d.datname, 'the server'), 'a token or key'
			from pg_db_role_setting s cross join unnest(s.setconfig) c left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
			where (s.setdatabase = 0 or d.datname = current_database()) and split_part(c, '=', 1) ~* '\..*(secret|token|key|password|passwd)$' and length(substr(c, strpos(c, '=') + 1)) >= 8 order by 1`},
	} {
		rows, err := s.ask(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		found = addSecrets(found, rows)
	}
	for _, one := range []struct {
		catalogue, column, view, there string
		direct, through                string
	}{
		{"pg_user_mapping", "umoptions", "user_mappings", "select srvname from pg_user_mappings limit 1",
			`select coalesce(r.rolname::text, 'PUBLIC') as usename, f.srvname, exists (select from unnest(m.umoptions) o where o ~* '^(password|passwd|secret|token|key|sslpassword)=') as has_secret
				from pg_user_mapping m join pg_foreign_server f on f.oid = m.umserver left join pg_roles r on r.oid = m.umuser`, "select usename, srvname, has_secret from ocmt_audit.user_mappings"},
		{"pg_subscription", "subconninfo", "subscriptions", "select subname from pg_subscription where subdbid = (select oid from pg_database where datname = current_database()) limit 1",
			"select '' as usename, subname as srvname, subconninfo ~* '(^|\\s)password\\s*=|://[^/@]*:[^/@]+@' as has_secret from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())",
			"select '' as usename, subname as srvname, has_secret from ocmt_audit.subscriptions"},
	} {
		direct, through, err := s.readable(ctx, one.catalogue, one.column, one.view)
		if err != nil {
			return nil, nil, err
		}
		sql := one.direct
		if !direct {
			sql = one.through
		}
		if !direct && !through {
			// Where there is none of them, nothing is hidden.
			rows, err := s.ask(ctx, question{what: one.catalogue, sql: one.there})
			if err != nil {
				return nil, nil, err
			}
			if len(rows) > 0 {
				gaps = append(gaps, viewGap(one.catalogue+"."+one.column, one.view))
			}
			continue
		}
		rows, err := s.ask(ctx, question{what: one.catalogue, sql: "select case when usename = '' then 'subscription ' || srvname else 'user mapping of ' || usename || ' at server ' || srvname end, 'a password' from (" + sql + ") x where has_secret order by 1"})
		if err != nil {
			return nil, nil, err
		}
		found = addSecrets(found, rows)
	}
	return found, gaps, nil
}

// addSecrets adds rows of an object and a kind.
func addSecrets(list []audit.CatalogueSecret, rows [][]string) []audit.CatalogueSecret {
	for _, row := range rows {
		list = append(list, audit.CatalogueSecret{Object: row[0], Kind: row[1]})
	}
	return list
}
