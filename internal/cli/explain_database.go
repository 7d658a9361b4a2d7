package cli

import "github.com/ocmt/ocmt/internal/postgres"

// goOn is what to do after a run that broke off. Each row says itself whether it was
// written, so nothing has to be found out first.
const goOn = "run the same command again: what was in hand is either written or as it was, and what is done is skipped"

// connectHint says what to look at where no connection was made.
func connectHint(err *postgres.ConnectError) string {
	switch err.Kind() {
	case postgres.NoLogin:
		return "check user and password in DATABASE_URL, and pg_hba.conf on the server"
	case postgres.NoDatabase:
		return "check the name of the database in DATABASE_URL"
	case postgres.NoConnectionFree:
		return "every connection that the server, the database or the account may have is taken: end some, or try later"
	default:
		return "check DATABASE_URL and that the server is up"
	}
}

// failureHints say what to do before the same command is run again.
func failureHints(kind postgres.FailureKind) []string {
	switch kind {
	case postgres.Lost, postgres.Ended:
		return []string{"look whether the server is up, and who ended the connection", goOn}
	case postgres.TookTooLong:
		return []string{"raise --statement-timeout, or look in pg_stat_activity for what holds the rows", goOn}
	case postgres.Canceled, postgres.InTheWay:
		return []string{"look in pg_stat_activity for who did it", goOn}
	case postgres.NoRoom:
		return []string{"make room where the table and the log of the server lie: a rotation writes every row anew", goOn}
	case postgres.NoResources:
		return []string{"try --workers 1, or raise what the server is short of", goOn}
	case postgres.Damaged:
		return []string{"look into the server's log and check its disk before anything else is written", goOn}
	case postgres.ReadOnly:
		return []string{"point DATABASE_URL at the primary", goOn}
	case postgres.ObjectRefused:
		return []string{"change the trigger or the constraint; ocmt migrate run can leave the table out with --table", goOn}
	case postgres.NotAllowed:
		return []string{"give the account of DATABASE_URL that right with GRANT, or use another account", goOn}
	default:
		return []string{"look into the server's log for the statement and the reason", goOn}
	}
}
