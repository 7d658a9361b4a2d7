package audit

import "slices"

// Checks returns all checks, in the order of reports.
func Checks() []Check {
	return slices.Concat(encryptionChecks(), tokenChecks(), postgresqlChecks(), redisChecks(), fileChecks(), gitChecks(),
		containerChecks(), processChecks(), logChecks(), endpointChecks(), lifecycleChecks())
}
