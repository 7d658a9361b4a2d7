package secret

// Severity says how much a Problem matters.
type Severity uint8

const (
	// Warning says that it works, and should be put right.
	Warning Severity = iota + 1
	// Error says that it does not work, or does not protect.
	Error
)

// String returns "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Error:
		return "error"
	default:
		return "unknown"
	}
}

// Problem is one thing that is wrong with a secret. It holds nothing of the
// secret's text.
type Problem struct {
	Name     string // the setting; empty where only a text was checked
	Code     string // a short stable word for machines, such as "length"
	Severity Severity
	Message  string // what is wrong, to be read behind the name: "has 63 characters, …"
	Fix      string // what to do about it
}
