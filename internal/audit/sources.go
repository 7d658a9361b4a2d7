package audit

import "time"

// Sources are what the checks look at. A source that is left out is absent.
type Sources struct {
	Settings   Source[Settings]
	Unread     []Gap // settings that are there and cannot be read
	Encryption Source[EncryptionSource]
	Tokens     Source[TokenSource]
	PostgreSQL Source[PostgreSQLSource]
	Redis      Source[RedisSource]
	Files      Source[FileSource]
	Git        Source[GitSource]
	Containers Source[ContainerSource]
	Processes  Source[ProcessSource]
	Logs       Source[LogSource]
	Endpoints  Source[EndpointSource]
	Lifecycle  Source[LifecycleSource]

	// LetGoOfDatabase is called once when the last check of the database has looked; nil for nothing. A snapshot
	// that stays open while files and servers are looked at would keep others from their tables.
	LetGoOfDatabase func()

	// These are set by Run.
	now      time.Time
	baseline *Baseline
	// baselineFile is the file that the baseline was read from.
	baselineFile string
	results      []Result // of the checks before
}

// Settings are the settings of the deployment, as its servers would read them here. A Settings must not
// print its texts.
type Settings interface {
	// Text returns the text of a setting; "" where it is not set.
	Text(name string) string
	// Names returns the names that are set and begin with a prefix.
	Names(prefix string) []string
	// Place names where a setting was found, for people: ".env" or "the environment".
	Place(name string) string
	// File returns the path of the file that has the setting; "" where it is from the environment.
	File(name string) string
}
