package chain

import "strconv"

// The actions of entries. A word never changes its meaning, because entries are kept.
const (
	// Runs. The subject is the key version that values are brought to: see VersionSubject.
	ActionRunBegun       = "run.begun"
	ActionRunEnded       = "run.ended"
	ActionRollbackBegun  = "rollback.begun"
	ActionRollbackEnded  = "rollback.ended"
	ActionRunInterrupted = "run.interrupted" // a later run found that one had ended without a word
	ActionRunPaused      = "run.paused"
	ActionRunResumed     = "run.resumed"
	ActionRunAborted     = "run.aborted"
	ActionRunSet         = "run.set"
	ActionOrdersReset    = "run.orders_reset" // orders were taken away, malformed ones or all

	// Keys and values. The subject of the first is a key version, of the others a column.
	ActionKeyRetired     = "key.retired"  // a run proved that nothing in the database is under it any more
	ActionKeyUnproven    = "key.unproven" // a later run found a value that needs it, or may need it
	ActionValueAccepted  = "value.accepted"
	ActionValueWithdrawn = "value.withdrawn"
	ActionColumnEmpty    = "column.accepted_empty"

	// The story of a key. The subject is a key version.
	ActionKeyBegun     = "key.begun"     // it was made, and is to be put in place
	ActionKeyInPlace   = "key.in_place"  // a store has it, as the one to write with
	ActionKeyAbandoned = "key.abandoned" // it is given up before it was in place
	ActionKeyPutBack   = "key.put_back"  // a store has it again, after a rollback
	ActionKeyReady     = "key.ready"     // the servers were seen to write it, and no older one
	ActionKeyFinishing = "key.finishing" // it was proven to be unused, and is to be taken out of a store
	ActionKeyFinished  = "key.finished"  // it was seen to be gone from the store
	// ActionKeyCompromised says that an operator has said that somebody else may have it.
	ActionKeyCompromised = "key.compromised"

	// Live access. The subject is SubjectEverybody or SubjectSelection.
	ActionAccessEnding      = "access.ending" // before the first is ended
	ActionAccessEnded       = "access.ended"  // sessions, vaults and what is like them, with their counts
	ActionTombstonesRemoved = "vaults.tombstones_removed"

	// Gateway tokens of users. The subject is SubjectEverybody or SubjectSelection.
	ActionTokensRenewing = "tokens.renewing" // before the first is written
	ActionTokensRenewed  = "tokens.renewed"  // with the counts

	// Tokens of the servers. The subject is the name of the token's setting.
	ActionSecretRotating = "secret.rotating" // before the first place is written, with the fingerprint of the new one
	ActionSecretProven   = "secret.proven"   // servers were seen to take the new one and to refuse the old one
	// ActionSecretTakenBack says that a change was taken back, so that what was recorded of the one before it tells
	// nothing of now.
	ActionSecretTakenBack = "secret.taken_back"
	// Secrets that are changed together: ocmt rotate all. The details name the run.
	ActionRotateAllBegun   = "rotate_all.begun"   // before the first step; the subject is the occasion
	ActionRotateAllWaiting = "rotate_all.waiting" // a step waits until the servers have restarted; the subject is a kind of secret
	ActionRotateAllEnded   = "rotate_all.ended"   // nothing of the list is left; the subject is the occasion

	// What operators report: ocmt audit record.
	ActionSecretRotated  = "secret.rotated" // the subject is the name of the secret's setting
	ActionBackupVerified = "backup.verified"
	ActionIncidentOpened = "incident.opened"
	ActionIncidentClosed = "incident.closed"

	// actionClosedOff stands behind a torn line of a file.
	actionClosedOff = "record.closed_off"
)

// The subjects of ActionAccessEnding, ActionAccessEnded, ActionTokensRenewing and ActionTokensRenewed.
const (
	SubjectEverybody = "everybody"
	SubjectSelection = "a selection"
)

// VersionSubject returns a key version as the subject of an entry.
func VersionSubject(version int) string { return "version " + strconv.Itoa(version) }
