package report

// The types of this file are the part of SARIF 2.1.0 (OASIS, section 3) that is written here.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool               `json:"tool"`
	Automation  sarifAutomation         `json:"automationDetails"`
	Invocations []sarifInvocation       `json:"invocations"`
	Bases       map[string]sarifBaseURI `json:"originalUriBaseIds"`
	Results     []sarifResult           `json:"results"`
	ColumnKind  string                  `json:"columnKind"`
	Properties  map[string]any          `json:"properties"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name          string      `json:"name"`
	FullName      string      `json:"fullName"`
	Version       string      `json:"version,omitempty"`
	Rules         []sarifRule `json:"rules"`
	Notifications []sarifRule `json:"notifications"`
}

// sarifRule is a reportingDescriptor: a rule, or a kind of notification.
type sarifRule struct {
	ID         string             `json:"id"`
	Short      sarifText          `json:"shortDescription"`
	Full       sarifText          `json:"fullDescription"`
	Help       *sarifText         `json:"help,omitempty"`
	HelpURI    string             `json:"helpUri,omitempty"`
	Default    sarifConfiguration `json:"defaultConfiguration"`
	Properties *sarifRuleBag      `json:"properties,omitempty"`
}

type sarifRuleBag struct {
	SecuritySeverity string   `json:"security-severity"`
	Tags             []string `json:"tags"`
}

type sarifConfiguration struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	End           string              `json:"endTimeUtc"`
	Notifications []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Descriptor sarifReference `json:"descriptor"`
	Rule       sarifReference `json:"associatedRule"`
	Level      string         `json:"level"`
	Message    sarifText      `json:"message"`
}

type sarifReference struct {
	ID    string `json:"id"`
	Index int    `json:"index"`
}

type sarifBaseURI struct {
	Description sarifText `json:"description"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions"`
	Occurrences  int64              `json:"occurrenceCount"`
	Properties   sarifResultBag     `json:"properties"`
}

type sarifResultBag struct {
	SecuritySeverity string   `json:"security-severity"`
	Severity         string   `json:"severity"`
	Expected         string   `json:"expected,omitempty"`
	Actual           string   `json:"actual,omitempty"`
	Places           []string `json:"places"`
	Objects          []string `json:"objects"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndLine     int `json:"endLine"`
	EndColumn   int `json:"endColumn"`
}

type sarifLogical struct {
	Name          string `json:"name"`
	QualifiedName string `json:"fullyQualifiedName"`
	Kind          string `json:"kind"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}
