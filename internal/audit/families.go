package audit

import (
	"slices"
	"sync"
)

// Checks returns all checks, in the order of reports.
func Checks() []Check { return slices.Clone(catalogue()) }

// catalogue makes all checks once. Nobody changes the list.
var catalogue = sync.OnceValue(func() []Check {
	return slices.Concat(encryptionChecks(), tokenChecks(), postgresqlChecks(), redisChecks(), fileChecks(), gitChecks(),
		containerChecks(), processChecks(), logChecks(), endpointChecks(), lifecycleChecks())
})
