package audit

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/due"
)

// LifecycleSource knows what was done with the secrets: the tool's own record, and the record of runs.
type LifecycleSource interface {
	// Entries returns entries of the tool's own record, newest first, and whether there is a record.
	Entries(ctx context.Context, query chain.Query) (entries []chain.Entry, there bool, err error)
	// Unfinished returns the rotations that have begun and not ended, and whether a run is at work now. The
	// error is an *AbsentError where no run was ever recorded.
	Unfinished(ctx context.Context) (list []Unfinished, running bool, err error)
	// KeySince returns since when the record of runs has a key version; there is false where it has none.
	KeySince(ctx context.Context, version int) (since time.Time, there bool, err error)
	// BackupHorizon returns the age of the oldest backup that is kept; 0 where nobody said.
	BackupHorizon() time.Duration
}

// Unfinished is a rotation of a column that has begun and not ended.
type Unfinished struct {
	Column   string // schema.table.column
	From, To int
	Since    time.Time
	Status   string
}

// baselineCheck is the check of the baseline itself. It is asked last.
const baselineCheck = "OCMT-LIF-006"

// The names of the settings that checks of this file need more than once.
const (
	encryptionKey        = "ENCRYPTION_KEY"
	encryptionKeyVersion = "ENCRYPTION_KEY_VERSION"
)

func lifecycleChecks() []Check {
	source := func(s *Sources) Source[LifecycleSource] { return s.Lifecycle }
	return []Check{{
		ID: "OCMT-LIF-001", Severity: Medium, Title: "A secret that is to be rotated each quarter is overdue",
		Why:      "a token that leaked unseen stays good until it is changed",
		LooksAt:  "the tool's own record: when ADMIN_TOKEN, AGENT_SERVER_TOKEN and the passwords of Redis and PostgreSQL were last rotated",
		Right:    "SELECT on ocmt.record, or the file of --record",
		NotFault: "the time of a file is no date of rotation; a secret that the record does not know could not be checked",
		Fix:      "rotate it, then: ocmt audit record secret-rotated --secret NAME", Source: "OCMT operators' checklist, quarterly",
		look: with(source, lookAtQuarterly),
	}, {
		ID: "OCMT-LIF-002", Severity: High, Title: "A rotation has begun and not ended",
		Why:      "values under the old key and the new one stand side by side, and neither key may go",
		LooksAt:  "encryption_migrations, and whether a run holds the lock",
		Right:    "SELECT on encryption_migrations",
		NotFault: "while a run is at work this is told as info",
		Fix:      "ocmt rotate", Source: "how the OCMT server encrypts values",
		look: with(source, lookAtUnfinished),
	}, {
		ID: "OCMT-LIF-003", Severity: High, Title: "A secret was not rotated since an incident",
		Why:      "whoever took it in the incident still has it",
		LooksAt:  "the tool's own record: the incident that was opened last, and what was rotated since",
		Right:    "SELECT on ocmt.record, or the file of --record",
		NotFault: "rotations that were made without ocmt are unknown until they are recorded",
		Fix:      "rotate it, then: ocmt audit record secret-rotated --secret NAME", Source: "OCMT operators' checklist, after an incident",
		look: with(source, lookAtIncident),
	}, {
		ID: "OCMT-LIF-004", Severity: High, Title: "No backup of the current encryption key was verified",
		Why:      "when the key is lost, every encrypted value is lost with it",
		LooksAt:  "the tool's own record: the backup that was verified last, against the time since which the current key is in use",
		Right:    "SELECT on ocmt.record, or the file of --record",
		NotFault: "a backup that nobody recorded could not be checked",
		Fix:      "restore the key from its backup, compare fingerprints with ocmt validate, then: ocmt audit record backup-verified", Source: "OCMT backup requirements",
		look: with(source, lookAtBackup),
	}, {
		ID: "OCMT-LIF-005", Severity: Low, Title: "An old key is still configured, and nothing needs it any more",
		Why:      "a key that is of no use can still be stolen, and opens old backups",
		LooksAt:  "ENCRYPTION_KEY_Vn, what OCMT-ENC-005 found in the same audit, and --backup-horizon",
		Right:    "those of OCMT-ENC-005",
		NotFault: "backups from before the rotation need the key: without --backup-horizon it could not be checked",
		Fix:      "ocmt migrate verify, then take ENCRYPTION_KEY_Vn out of the settings and restart the servers", Source: "how the OCMT server encrypts values",
		look: with(source, lookAtOldKeys),
	}, {
		ID: baselineCheck, Severity: Medium, Title: "An entry of the baseline has expired, or matches nothing",
		Why:      "an entry that matches nothing would hide the fault if it came back; one that has expired was to be mended by then",
		LooksAt:  "ocmt-baseline.yaml, and what the other checks found",
		Right:    "reading the file",
		NotFault: "an entry of a check that could not look, did not apply or was not asked is kept",
		Fix:      "ocmt audit baseline show, then take the entry out of ocmt-baseline.yaml or give it a later day",
		look:     lookAtBaseline,
	}}
}

// quarterly are the settings that are to be rotated each quarter (contract, section 7).
var quarterly = []string{"ADMIN_TOKEN", "AGENT_SERVER_TOKEN", "REDIS_URL", "DATABASE_URL"}

// afterIncident are the settings that are to be rotated after an incident (contract, section 7).
var afterIncident = []string{encryptionKey, "ADMIN_TOKEN", "INTERNAL_ADMIN_TOKEN", "AGENT_SERVER_TOKEN", "GROUP_VAULT_AUTH_TOKEN", "OPENCLAW_GATEWAY_TOKEN",
	"REDIS_URL", "DATABASE_URL", "GOOGLE_CLIENT_SECRET", "GOOGLE_LOGIN_CLIENT_SECRET", "GITHUB_CLIENT_SECRET", "MICROSOFT_CLIENT_SECRET"}

// errNoRecord says that the tool's own record is not there.
var errNoRecord = errors.New("there is no record yet")

// newest returns when something was last done, by the tool's own record. The error is errNoRecord where
// there is no record.
func newest(ctx context.Context, source LifecycleSource, query chain.Query) (at time.Time, found bool, err error) {
	entries, there, err := source.Entries(ctx, query)
	if err != nil {
		return at, false, err
	}
	if !there {
		return at, false, errNoRecord
	}
	for _, one := range entries {
		if happened := one.Happened(); !found || happened.After(at) {
			at, found = happened, true
		}
	}
	return at, found, nil
}

// notRecorded is the gap of something that the record does not know.
func notRecorded(what, event string) Gap {
	return Gap{What: what, Reason: "no entry of the record says when it was last done", Missing: "an entry of the record", Grant: "ocmt audit record " + event}
}

// isSet returns those of a list of settings that are set.
func isSet(sources *Sources, names []string) (list []string) {
	if !sources.Settings.there {
		return nil
	}
	for _, name := range names {
		if sources.Settings.it.Text(name) != "" {
			list = append(list, name)
		}
	}
	return list
}

// lastChange returns when a secret was last changed, by the tool's own record. The error is errNoRecord where there is
// no record.
func lastChange(ctx context.Context, source LifecycleSource, name string) (at time.Time, found bool, err error) {
	entries, there, err := source.Entries(ctx, chain.Query{Actions: []string{chain.ActionSecretRotated}, Subject: name})
	if err == nil && !there {
		err = errNoRecord
	}
	if err != nil {
		return at, false, err
	}
	return chain.LastChange(entries), len(entries) > 0, nil
}

// rotatedAt returns when a secret was last rotated, by the record or by a key's retirement.
func rotatedAt(ctx context.Context, sources *Sources, source LifecycleSource, name string) (at time.Time, found bool, err error) {
	at, found, err = lastChange(ctx, source, name)
	if name != encryptionKey || err != nil && !errors.Is(err, errNoRecord) {
		return at, found, err
	}
	since, there, keyErr := source.KeySince(ctx, currentVersion(sources))
	if keyErr == nil && there && (!found || since.After(at)) {
		return since, true, nil
	}
	if err == nil {
		err = keyErr
	}
	return at, found, err
}

// currentVersion returns ENCRYPTION_KEY_VERSION, which is 0 where it is not set.
func currentVersion(sources *Sources) int {
	if !sources.Settings.there {
		return 0
	}
	version, _ := strconv.Atoi(sources.Settings.it.Text(encryptionKeyVersion))
	return version
}

func lookAtQuarterly(ctx context.Context, sources *Sources, source LifecycleSource) (seen Seen, _ error) {
	names := isSet(sources, quarterly)
	if len(names) == 0 {
		return Seen{Absent: "none of these settings is set here"}, nil
	}
	seen.Looked = countThings(int64(len(names)), "secret", "secrets")
	for _, name := range names {
		at, found, err := rotatedAt(ctx, sources, source, name)
		switch {
		case err != nil && !errors.Is(err, errNoRecord):
			return seen, err
		case !found:
			seen.Gaps = append(seen.Gaps, notRecorded(name, "secret-rotated --secret "+name))
		case sources.now.Sub(at) > due.Quarter:
			seen.Faults = append(seen.Faults, Fault{Object: name, Message: "is overdue", Expected: "a rotation within a quarter",
				Actual: "last rotated on " + at.UTC().Format(time.DateOnly), Places: []string{name}, File: sources.Settings.it.File(name)})
		}
	}
	return seen, nil
}

func lookAtUnfinished(ctx context.Context, _ *Sources, source LifecycleSource) (seen Seen, _ error) {
	list, running, err := source.Unfinished(ctx)
	if err != nil {
		return absentOr(seen, err)
	}
	for _, one := range list {
		way := "version " + strconv.Itoa(one.From) + " to " + strconv.Itoa(one.To)
		fault := Fault{Object: one.Column + " " + way, Cause: "rotation from " + way, Message: "has begun and not ended", Expected: "a run that is completed",
			Actual: one.Status + " since " + one.Since.UTC().Format(time.DateOnly), Places: []string{one.Column}, Fix: "ocmt rotate --from-version " + strconv.Itoa(one.From)}
		if running {
			fault.Severity, fault.Message = Info, "is at work"
		}
		seen.Faults = append(seen.Faults, fault)
	}
	seen.Looked = "the record of runs"
	return seen, nil
}

func lookAtIncident(ctx context.Context, sources *Sources, source LifecycleSource) (seen Seen, _ error) {
	opened, found, err := newest(ctx, source, chain.Query{Actions: []string{chain.ActionIncidentOpened}})
	switch {
	case errors.Is(err, errNoRecord):
		return Seen{Absent: "there is no record, and so no incident was recorded"}, nil
	case err != nil:
		return seen, err
	case !found:
		return Seen{Absent: "no incident was recorded"}, nil
	}
	names := isSet(sources, afterIncident)
	seen.Looked = countThings(int64(len(names)), "secret", "secrets")
	for _, name := range names {
		at, rotated, err := rotatedAt(ctx, sources, source, name)
		var gap *GapError
		switch {
		case rotated && at.After(opened):
			continue
		case errors.As(err, &gap):
			seen.Gaps = append(seen.Gaps, gap.Gap)
			continue
		case err != nil:
			return seen, err
		}
		actual := "no rotation is recorded"
		if rotated {
			actual = "last rotated on " + at.UTC().Format(time.DateOnly)
		}
		seen.Faults = append(seen.Faults, Fault{Object: name + " incident " + opened.UTC().Format(time.RFC3339), Cause: "incident of " + opened.UTC().Format(time.DateOnly),
			Message: "has secrets that were not rotated since", Expected: "a rotation after it", Actual: actual, Places: []string{name}})
	}
	return seen, nil
}

func lookAtBackup(ctx context.Context, sources *Sources, source LifecycleSource) (seen Seen, _ error) {
	if len(isSet(sources, []string{encryptionKey})) == 0 {
		return Seen{Absent: "ENCRYPTION_KEY is not set here"}, nil
	}
	verified, found, err := newest(ctx, source, chain.Query{Actions: []string{chain.ActionBackupVerified}})
	if err != nil && !errors.Is(err, errNoRecord) {
		return seen, err
	}
	if !found {
		return Seen{Gaps: []Gap{notRecorded("a backup of "+encryptionKey, "backup-verified")}}, nil
	}
	seen.Looked = "the backup that was verified on " + verified.UTC().Format(time.DateOnly)
	since, known, err := source.KeySince(ctx, currentVersion(sources))
	if err != nil {
		return seen, err
	}
	if known && since.After(verified) {
		seen.Faults = append(seen.Faults, Fault{Object: encryptionKey, Message: "is newer than the backup that was verified last", Expected: "a backup that was verified after " + since.UTC().Format(time.DateOnly),
			Actual: "verified on " + verified.UTC().Format(time.DateOnly), Places: []string{encryptionKey}, File: sources.Settings.it.File(encryptionKey)})
	}
	return seen, nil
}

// olderValuesCheck is the check of values under older versions.
const olderValuesCheck = "OCMT-ENC-005"

func lookAtOldKeys(ctx context.Context, sources *Sources, source LifecycleSource) (seen Seen, _ error) {
	versions := olderVersions(sources)
	if len(versions) == 0 {
		return Seen{Absent: "no older key is configured"}, nil
	}
	seen.Looked = countThings(int64(len(versions)), "older key", "older keys")
	at := slices.IndexFunc(sources.results, func(r Result) bool { return r.Check.ID == olderValuesCheck })
	if at >= 0 && sources.results[at].Outcome == NotApplicable {
		return Seen{Absent: olderValuesCheck + " does not apply: " + sources.results[at].Absent}, nil
	}
	if at < 0 || sources.results[at].Outcome == Unchecked {
		return Seen{Gaps: []Gap{{What: "values under older keys", Reason: "they were not counted in this audit", Missing: olderValuesCheck, Grant: "ocmt audit --only " + olderValuesCheck + " --only OCMT-LIF-005"}}}, nil
	}
	if result := sources.results[at]; len(result.Findings)+len(result.Accepted) > 0 {
		return seen, nil // the keys are needed
	}
	since, known, err := source.KeySince(ctx, currentVersion(sources))
	switch {
	case err != nil:
		return seen, err
	case source.BackupHorizon() == 0:
		seen.Gaps = append(seen.Gaps, Gap{What: "backups from before the rotation", Reason: "nobody said how long they are kept", Missing: "--backup-horizon", Grant: "ocmt audit --backup-horizon 90d"})
	case !known:
		seen.Gaps = append(seen.Gaps, Gap{What: "the time of the last rotation", Reason: "encryption_keys does not have the current version", Missing: "the record of a run"})
	case sources.now.Sub(since) > source.BackupHorizon():
		for _, version := range versions {
			name := "ENCRYPTION_KEY_V" + strconv.Itoa(version)
			seen.Faults = append(seen.Faults, Fault{Object: name, Cause: "older keys", Message: "are configured, and no value and no backup needs them", Expected: "none",
				Actual: "no value under them, and the oldest backup is younger than the rotation", Places: []string{name}, File: sources.Settings.it.File(name)})
		}
	}
	return seen, nil
}

// olderVersions returns the versions whose older keys are configured, as far as the servers read them.
func olderVersions(sources *Sources) (list []int) {
	for version := range currentVersion(sources) {
		if len(isSet(sources, []string{"ENCRYPTION_KEY_V" + strconv.Itoa(version)})) > 0 {
			list = append(list, version)
		}
	}
	return list
}
