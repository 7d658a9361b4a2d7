package cli

import (
	"errors"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/pkg/secret"
)

// selectionOptions say what a command works on, and how hard.
type selectionOptions struct {
	To              versionFlag
	Tables, Columns nameList
}

func (o *selectionOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().Var(&o.To, "to-version", "the key version to reach (default: ENCRYPTION_KEY_VERSION)")
	cmd.Flags().Var(&o.Tables, "table", "only this table, as table or schema.table; may be given again")
	cmd.Flags().Var(&o.Columns, "column", "only this column, as column, table.column or schema.table.column; may be given again")
	addPaceFlags(cmd)
}

// addPaceFlags adds the flags that say how hard a command works.
func addPaceFlags(cmd *cobra.Command) {
	settingFlag(cmd, "workers", config.NameWorkers, "connections that work at once (default: by this machine's cores and the server's room)")
	settingFlag(cmd, "pace", config.NamePace, "auto gives way while others are at work in the database; full, gentle (default auto)")
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("pace", cobra.FixedCompletions([]string{string(migrate.PaceAuto), string(migrate.PaceFull),
		string(migrate.PaceGentle)}, cobra.ShellCompDirectiveNoFileComp))
}

// guardOptions say how far keys and data are trusted.
type guardOptions struct {
	AllowUnopenable bool
	AllowEmpty      bool
	ExpectKey       string
	RepairLabels    bool
}

func (o *guardOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.AllowUnopenable, "allow-unopenable", false, "go on where the sample of a version does not open; such values are set aside")
	addAllowEmptyFlag(cmd, &o.AllowEmpty)
	cmd.Flags().BoolVar(&o.RepairLabels, "repair-labels", false, "also move values that open with another key than their label says")
	cmd.Flags().StringVar(&o.ExpectKey, "expect-key", "", "go on only if the key to reach has this fingerprint")
}

func addAllowEmptyFlag(cmd *cobra.Command, allow *bool) {
	cmd.Flags().BoolVar(allow, "allow-empty", false, "go on where a table that held values before has none, or the whole database")
}

// fingerprintForm is the form of crypto.Key.Fingerprint.
var fingerprintForm = regexp.MustCompile(`^[0-9a-fA-F]{16}$`)

// Validate refuses what cannot be a fingerprint.
func (o *guardOptions) Validate() error {
	if o.ExpectKey != "" && !fingerprintForm.MatchString(o.ExpectKey) {
		return errors.New("--expect-key must be a fingerprint: 16 hexadecimal characters, as ocmt validate shows them")
	}
	return nil
}

// The values of --on-error.
const (
	onErrorReport = "report"
	onErrorStop   = "stop"
)

// proofOptions say how much a proof looks at.
type proofOptions struct {
	Search string
}

// searchNone is the value of --search that leaves the search out. The others are those of
// discover.Depth.
const searchNone = "none"

func (o *proofOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Search, "search", string(discover.Auto),
		"other columns to look through for the proof: auto takes a sample of large tables; full, none")
	_ = cmd.RegisterFlagCompletionFunc("search", cobra.FixedCompletions([]string{string(discover.Auto), string(discover.Full), searchNone},
		cobra.ShellCompDirectiveNoFileComp))
}

// Validate refuses an unknown depth.
func (o *proofOptions) Validate() error {
	switch o.Search {
	case string(discover.Auto), string(discover.Full), searchNone:
		return nil
	}
	return errors.New("--search must be auto, full or none" + secret.AndGiven(o.Search))
}

// depth returns how deep to search, "" for not at all.
func (o *proofOptions) depth() discover.Depth {
	if o.Search == searchNone {
		return ""
	}
	return discover.Depth(o.Search)
}

// moveOptions say how values are moved.
type moveOptions struct {
	DryRun  bool
	OnError string
}

func (o *moveOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "open and seal every value, and write none")
	cmd.Flags().StringVar(&o.OnError, "on-error", onErrorReport, "for values that cannot be moved: report, or stop at the first")
	settingFlag(cmd, "chunk-target", config.NameChunkTarget, "how long one chunk of a worker should take (default 250ms)")
	settingFlag(cmd, "max-rows-per-second", config.NameMaxRowsPerSecond, "write no more than this, 0 for no limit (default 0)")
	settingFlag(cmd, "max-replica-lag", config.NameMaxReplicaLag, "wait while a standby is further behind, 0s for no limit (default 0s)")
	settingFlag(cmd, "max-wal-backlog", config.NameMaxWALBacklog, "wait while a slot or the archiver holds back more, such as 4GB (default 0)")
	addLockTimeout(cmd)
	settingFlag(cmd, "statement-timeout", config.NameStatementTimeout, "longest run of one statement that writes (default 60s)")
}

// Validate refuses an unknown --on-error.
func (o *moveOptions) Validate() error {
	if o.OnError != onErrorReport && o.OnError != onErrorStop {
		return errors.New("--on-error must be report or stop")
	}
	return nil
}

// addLockTimeout adds the flag for the longest wait for a lock.
func addLockTimeout(cmd *cobra.Command) {
	settingFlag(cmd, "lock-timeout", config.NameLockTimeout, "longest wait for a lock that another transaction holds (default 5s)")
}

// checkVersions refuses two versions that are the same.
func checkVersions(from, to versionFlag) error {
	if from.set && to.set && from.number == to.number {
		return errors.New("--from-version and --to-version are the same")
	}
	return nil
}

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
