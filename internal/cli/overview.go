package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
)

// overview is where a command works and what it would change: what an operator reads before the question.
type overview struct {
	Server   string                   `json:"server"`
	Account  string                   `json:"account"`
	Database string                   `json:"database"`
	Leaves   []migrate.KeyFingerprint `json:"from_keys"` // of the versions that values leave
	Reaches  migrate.KeyFingerprint   `json:"to_key"`
	// Pending counts the values to move. It is null where nothing was counted, and then there is no Cost.
	Pending *int64 `json:"values_to_move"`
	*migrate.Cost
	// NotCounted says of what no values were counted.
	NotCounted []finding.Finding `json:"not_counted"`
	// Others counts the connections of other programs that are at work. It is null where it cannot be seen.
	Others *int `json:"others_at_work"`

	pace migrate.Pace
}

// lookAround puts together where a plan would be carried out and what it would change. Who else is at work is left
// out where the server does not tell.
func (e *engine) lookAround(ctx context.Context, plan *migrate.Plan) (*overview, error) {
	found := &overview{Database: plan.Outline.Database.Name, Leaves: []migrate.KeyFingerprint{},
		Reaches: migrate.KeyFingerprint{Version: plan.Request.To}, NotCounted: emptyIfNil(plan.Uncounted), pace: e.pacing.Pace()}
	if plan.Counted {
		pending, cost := plan.Pending(), plan.Outline.Cost()
		found.Pending, found.Cost = &pending, &cost
	}
	fingerprints := map[int]string{}
	for _, key := range plan.Outline.Keys {
		fingerprints[key.Version] = key.Fingerprint
	}
	found.Reaches.Fingerprint = fingerprints[plan.Request.To]
	for _, version := range pendingVersions(plan) {
		found.Leaves = append(found.Leaves, migrate.KeyFingerprint{Version: version, Fingerprint: fingerprints[version]})
	}
	var err error
	if found.Server, found.Account, err = e.db.Server(ctx); err != nil {
		return nil, err
	}
	found.Others = countAtWork(ctx, e.db.DB)
	return found, nil
}

// pendingVersions returns the versions that a plan has values to move of, in their order.
func pendingVersions(plan *migrate.Plan) (versions []int) {
	for _, column := range plan.Columns {
		for version, values := range column.ByVersion {
			if values > 0 && version != plan.Request.To && plan.Request.Leaves(version) && !slices.Contains(versions, version) {
				versions = append(versions, version)
			}
		}
	}
	slices.Sort(versions)
	return versions
}

// String says where and what, in two sentences and the figures.
func (o *overview) String() string {
	return fmt.Sprintf("Database %s. %s. %s; %s.", placeText(o.Database, o.Server, o.Account), o.keysText(), o.pendingText(), othersText(o.Others))
}

// pendingText says how many values are to be moved and what that costs, or why they were not counted.
func (o *overview) pendingText() string {
	uncounted := strings.Join(uncountedTexts(o.NotCounted), ", and ")
	if o.Pending == nil {
		return "Values to move were not counted: " + uncounted
	}
	text := "0 values to move"
	if *o.Pending > 0 {
		text = fmt.Sprintf("%s in %s, about %s MiB of WAL, %s", ui.Count(*o.Pending, "value", "values"), ui.Count(o.Rows, "row", "rows"),
			ui.Number((o.WALBytes+1<<20-1)>>20), o.timeText())
	}
	if uncounted != "" {
		text += ", in what could be counted; not counted: " + uncounted
	}
	return text
}

// uncountedTexts says of what no values were counted, one text for all places with the same cause.
func uncountedTexts(list []finding.Finding) (texts []string) {
	causes := make([]finding.Finding, len(list)) // each with its cause as the message
	for i, one := range list {
		cause, place := "left out: %s", ui.Clean(one.Where)
		switch one.Code {
		case finding.MissingSelect:
			cause = "no right to read %s"
			if len(one.Rights) > 0 {
				place = ui.Clean(one.Rights[0].On)
			}
		case finding.RowSecurity:
			cause = "row security may hide rows of %s"
		case finding.ForeignCode:
			cause = "code of another role is in the way at %s"
		case finding.CitusWorker:
			cause, place = "%s is a worker of a Citus cluster", "this server"
		}
		causes[i] = finding.Finding{Where: place, Message: cause}
	}
	for _, same := range groupByMessage(causes) {
		texts = append(texts, fmt.Sprintf(same.message, namesOf(same.places)))
	}
	return texts
}

// placeText names a database, its server and the account there.
func placeText(database, server, account string) string {
	return fmt.Sprintf("%s at %s as %s", ui.Clean(database), ui.Clean(server), ui.Clean(account))
}

// othersText says how many other connections are at work; nil where that cannot be seen.
func othersText(others *int) string {
	switch {
	case others == nil:
		return "other connections cannot be seen"
	case *others == 0:
		return "no other connection at work"
	}
	return ui.Count(int64(*others), "other connection", "other connections") + " at work"
}

// describePlace says which database a command is about to change, and who else is at work there.
func describePlace(ctx context.Context, db *postgres.DB) (string, error) {
	server, account, err := db.Server(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Database %s; %s.", placeText(db.Target().Database, server, account), othersText(countAtWork(ctx, db))), nil
}

// countAtWork counts the connections of other programs that are at work, nil where that cannot be seen.
func countAtWork(ctx context.Context, db *postgres.DB) *int {
	others, err := db.LookAtOthers(ctx)
	if err != nil || others.Hidden > 0 {
		return nil
	}
	return &others.AtWork
}

// keysText names the keys by the beginning of their fingerprints.
func (o *overview) keysText() string {
	reached := keyText(o.Reaches)
	if len(o.Leaves) == 0 {
		return "Key " + reached
	}
	left := make([]string, len(o.Leaves))
	for i, key := range o.Leaves {
		left[i] = keyText(key)
	}
	word := "Key "
	if len(left) > 1 {
		word = "Keys "
	}
	return word + strings.Join(left, " and ") + " to " + reached
}

// shownFingerprint is how many characters of a fingerprint the line shows. The whole one is in the document and in
// ocmt validate.
const shownFingerprint = 4

func keyText(key migrate.KeyFingerprint) string {
	if len(key.Fingerprint) < shownFingerprint {
		return "v" + strconv.Itoa(key.Version) + " (no key is set)"
	}
	return "v" + strconv.Itoa(key.Version) + " " + key.Fingerprint[:shownFingerprint] + "…"
}

// timeText says how long moving the values takes, by the pace.
func (o *overview) timeText() string {
	full, gentle := secondsText(o.Seconds), secondsText(o.GentleSeconds)
	switch {
	case o.pace == migrate.PaceGentle:
		return gentle + " at a gentle pace"
	case o.pace == migrate.PaceFull || full == gentle:
		return full
	case o.Others != nil && *o.Others == 0:
		return full + " (" + gentle + " beside others)"
	default:
		return gentle + " beside others (" + full + " alone)"
	}
}

// secondsText writes an estimate of seconds.
func secondsText(seconds float64) string {
	if seconds < 1 {
		return "less than a second"
	}
	return ui.Duration(time.Duration(seconds * float64(time.Second)).Round(time.Second))
}
