// Package due says which secrets are to be changed, from the tool's own record alone: when each kind was last
// changed, which is past its quarter, and which was not changed since the last incident (contract, section 7). What
// the record does not know is unknown, and never in time.
package due
