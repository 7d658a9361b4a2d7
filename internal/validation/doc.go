// Package validation judges the secrets of a deployment as they are configured: each by its own rule, all of
// them against each other, and the names and files that they stand in.
//
// Check takes the settings of one or several components and returns a Report. It reads nothing by itself, asks
// no server, and no text of a secret is in what it returns. What could not be compared or read is an Unasked:
// neither a finding nor a pass.
package validation
