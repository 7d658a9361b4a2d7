package pgaudit

import (
	"context"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/postgres"
)

// loggingSettings say what the server logs.
var loggingSettings = []string{"log_statement", "log_min_duration_statement", "log_min_duration_sample", "log_statement_sample_rate", "log_transaction_sample_rate",
	"log_parameter_max_length", "log_parameter_max_length_on_error", "auto_explain.log_min_duration"}

// preloadSettings name the libraries that a server loads. Only pg_read_all_settings shows them.
var preloadSettings = []string{"shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"}

// settingsGap says that a setting is hidden from the account.
func (s *Snapshot) settingsGap(what string) audit.Gap {
	return audit.Gap{What: what, Reason: "the setting is hidden from the account", Missing: "pg_read_all_settings", Grant: "grant pg_read_all_settings to " + postgres.Ident(s.account) + ";"}
}

// Logging implements audit.PostgreSQLSource.
func (s *Snapshot) Logging(ctx context.Context) (l audit.PostgreSQLLogging, err error) {
	names := postgres.TextArray(loggingSettings)
	rows, err := s.ask(ctx, question{what: "pg_settings", args: []string{names}, sql: "select name, setting, source ~ 'user|database|client|session' from pg_settings where name = any($1::text[])"})
	if err != nil {
		return l, err
	}
	server := map[string]string{}
	l.Settings = map[audit.SettingScope]map[string]string{{}: server}
	for _, row := range rows {
		if row[2] == "t" {
			l.Hidden = append(l.Hidden, audit.Gap{What: row[0] + " of the server", Reason: "the account or the database has a setting of its own, which hides it"})
			continue
		}
		server[row[0]] = row[1]
	}
	rows, err = s.ask(ctx, question{what: "pg_db_role_setting", args: []string{names}, sql: `select coalesce(r.rolname, ''), coalesce(d.datname, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
		from pg_db_role_setting s cross join unnest(s.setconfig) c left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
		where (s.setdatabase = 0 or d.datname = current_database()) and split_part(c, '=', 1) = any($1::text[])`})
	if err != nil {
		return l, err
	}
	for _, row := range rows {
		scope := audit.SettingScope{Role: row[0], Database: row[1]}
		if l.Settings[scope] == nil {
			l.Settings[scope] = map[string]string{}
		}
		l.Settings[scope][row[2]] = row[3]
	}
	if _, loaded := server["auto_explain.log_min_duration"]; loaded {
		return l, nil
	}
	if _, err = s.preloads(ctx, "shared_preload_libraries"); err != nil {
		l.Hidden = append(l.Hidden, s.settingsGap("auto_explain"))
	}
	return l, nil
}

// preloads returns the libraries of a setting. The error is an *audit.GapError where it is hidden.
func (s *Snapshot) preloads(ctx context.Context, setting string) ([]string, error) {
	rows, err := s.ask(ctx, question{what: setting, args: []string{setting}, sql: "select setting from pg_settings where name = $1"})
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return nil, &audit.GapError{Gap: s.settingsGap(setting)}
	}
	return strings.FieldsFunc(rows[0][0], func(r rune) bool { return strings.ContainsRune(`, "'`, r) }), nil
}

// Preloaded implements audit.PostgreSQLSource.
func (s *Snapshot) Preloaded(ctx context.Context) ([]string, error) {
	return s.preloads(ctx, preloadSettings[0])
}

// Extensions implements audit.PostgreSQLSource.
func (s *Snapshot) Extensions(ctx context.Context) ([]string, error) {
	rows, err := s.ask(ctx, question{what: "pg_extension", sql: "select extname from pg_extension order by 1"})
	return firstColumn(rows), err
}

// Archiving implements audit.PostgreSQLSource.
func (s *Snapshot) Archiving(ctx context.Context) (a audit.PostgreSQLArchiving, err error) {
	rows, err := s.ask(ctx, question{what: "pg_stat_archiver", sql: `select current_setting('archive_mode'), pg_is_in_recovery(), archived_count, failed_count,
		coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
		exists (select from pg_settings where name = 'archive_command') and not exists (select from pg_settings where name in ('archive_command', 'archive_library') and setting not in ('', '(disabled)'))
		from pg_stat_archiver`})
	if err != nil {
		return a, err
	}
	r := rows[0]
	return audit.PostgreSQLArchiving{Mode: r[0], Standby: r[1] == "t", Archived: postgres.ParseNumber(r[2]), Failed: postgres.ParseNumber(r[3]), Failing: r[4] == "t", NoCommand: r[5] == "t"}, nil
}
