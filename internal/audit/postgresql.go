package audit

// PostgreSQLSource is what the checks of this file look at.
type PostgreSQLSource interface{}

func postgresqlChecks() []Check { return nil }
