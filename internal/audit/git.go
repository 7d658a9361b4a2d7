package audit

// GitSource is what the checks of this file look at.
type GitSource interface{}

func gitChecks() []Check { return nil }
