package finding

// Code names a kind of Finding for machines. A code never changes its meaning.
// docs/findings.md says what each one means.
type Code string

// Codes about the database as a whole.
const (
	Standby       Code = "standby"
	CitusWorker   Code = "citus_worker"
	ReadOnly      Code = "read_only"
	NoTables      Code = "no_tables"
	EmptyDatabase Code = "empty_database"
	Drifted       Code = "drifted"
)

// Codes about tables and columns.
const (
	MissingSelect       Code = "missing_select"
	MissingUpdate       Code = "missing_update"
	MissingUsage        Code = "missing_usage"
	MissingLedger       Code = "missing_ledger"
	MissingLedgerRights Code = "missing_ledger_rights"
	RecordRefused       Code = "record_refused"
	RowSecurity         Code = "row_security"
	ForeignCode         Code = "foreign_code"
	NotATable           Code = "not_a_table"
	OtherSchema         Code = "other_schema"
	UnknownColumn       Code = "unknown_column"
	WrongType           Code = "wrong_type"
	GeneratedColumn     Code = "generated_column"
	NarrowColumn        Code = "narrow_column"
	NoKey               Code = "no_key"
	Rule                Code = "rule"
	Subscription        Code = "subscription"
	UpdateRefused       Code = "update_refused"
	TriggerChanges      Code = "trigger_changes"
	EmptyTable          Code = "empty_table"
	UnlistedColumn      Code = "unlisted_column"
)

// Codes about what a search could not read.
const (
	Locked      Code = "locked"
	TooSlow     Code = "too_slow"
	TooLarge    Code = "too_large"
	Gone        Code = "gone"
	Damaged     Code = "damaged"
	Unreadable  Code = "unreadable"
	Sampled     Code = "sampled"
	NotSearched Code = "not_searched"
)

// Codes about key versions and the values under them.
const (
	MissingVersion Code = "missing_version"
	WrongKey       Code = "wrong_key"
	SwappedKeys    Code = "swapped_keys"
	MixedKeys      Code = "mixed_keys"
	Mislabelled    Code = "mislabelled"
	SealedTwice    Code = "sealed_twice"
	RecordedKey    Code = "recorded_key"
	Downgrade      Code = "downgrade"
	SameVersion    Code = "same_version"
	NewerVersion   Code = "newer_version"
	OtherKey       Code = "other_key"
)

// Codes about what a verification could not prove.
const (
	OtherServer    Code = "other_server"
	TableRewritten Code = "table_rewritten"
	LockWanted     Code = "lock_wanted"
	MissingTable   Code = "missing_table"
	NotWhole       Code = "not_whole"
	MovedMeanwhile Code = "moved_meanwhile"
	NotOneMoment   Code = "not_one_moment"
)

// Codes about runs.
const (
	RunAtWork Code = "run_at_work"
)

// Codes about what keeps a key from being retired.
const (
	GoingBack        Code = "going_back"
	RowsLeft         Code = "rows_left"
	RowsLocked       Code = "rows_locked"
	NotEnded         Code = "not_ended"
	ValuesSetAside   Code = "values_set_aside"
	ValuesNotOpened  Code = "values_not_opened"
	ValuesUnder      Code = "values_under_version"
	KnownColumnOpens Code = "known_column_opens"
	// KnownColumnUntried is about a column whose word is not enough to give a key away.
	KnownColumnUntried Code = "known_column_untried"
)

// Codes about the story of a key.
const (
	PendingKey         Code = "pending_key"
	UnfinishedRotation Code = "unfinished_rotation"
	StoreDiffers       Code = "store_differs"
	NotRolledBack      Code = "not_rolled_back"
)

// Codes about what the servers write, and about the end of a rotation.
const (
	OldVersionWritten Code = "old_version_written"
	NewVersionNotSeen Code = "new_version_not_seen"
	NothingWritten    Code = "nothing_written"
	ServerDown        Code = "server_down"
	NoRotation        Code = "no_rotation"
	NotReady          Code = "not_ready"
	BackupsNotStated  Code = "backups_not_stated"
	NoCopy            Code = "no_copy"
)

// Codes about settings, secrets and the files they stand in.
const (
	TwoValues         Code = "two_values"
	TwoPlaces         Code = "two_places"
	Missing           Code = "missing"
	Length            Code = "length"
	NotHex            Code = "not_hex"
	WhiteSpace        Code = "white_space"
	Uppercase         Code = "uppercase"
	DocumentedExample Code = "documented_example"
	AllEqual          Code = "all_equal"
	Sequential        Code = "sequential"
	RepeatedBlock     Code = "repeated_block"
	Text              Code = "text"
	Words             Code = "words"
	FewValues         Code = "few_values"
	LongRun           Code = "long_run"
	VersionNumber     Code = "version_number"
	VersionNotRaised  Code = "version_not_raised"
	Ignored           Code = "ignored"
	DuplicateKey      Code = "duplicate_key"
	Gap               Code = "gap"
	FileMode          Code = "file_mode"
	PairDiffers       Code = "pair_differs"
	SharedSecret      Code = "shared_secret"
	Guessable         Code = "guessable"
	Alphabet          Code = "alphabet"
	OtherForm         Code = "other_form"
	NeverRead         Code = "never_read"
	NearName          Code = "near_name"
)

// Codes about what a server said of a secret.
const (
	RefusedByServer Code = "refused_by_server"
	AcceptsAny      Code = "accepts_any"
	TakenInQuery    Code = "taken_in_query"
	NotAskedFor     Code = "not_asked_for"
	Unprotected     Code = "unprotected"
)
