package cli

import (
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/validation"
)

// validateDocument is what ocmt validate writes.
type validateDocument struct {
	OK        bool              `json:"ok"`
	Live      bool              `json:"live"`
	Component string            `json:"component"`
	FailOn    string            `json:"fail_on"`
	Errors    int               `json:"errors"`
	Warnings  int               `json:"warnings"`
	Settings  []validateSetting `json:"settings"`
	Problems  []validateProblem `json:"problems"`
	Unasked   []validateUnasked `json:"unasked"`
	// Due and Unknown are empty without --due.
	Due     []rotation.DueItem `json:"due"`
	Unknown []string           `json:"unknown"`
}

// validateSetting is a setting that is a secret, or holds one.
type validateSetting struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Component   string `json:"component"`
	State       string `json:"state"`
	Source      string `json:"source"`
	Form        string `json:"form,omitempty"`
	Strength    string `json:"strength,omitempty"`
	Bits        int    `json:"bits,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"` // of a well-formed secret
	Note        string `json:"note,omitempty"`
	// Live is what servers said, with --live.
	Live []validateLive `json:"live,omitempty"`
}

// validateLive is what one server said of a setting.
type validateLive struct {
	Server string `json:"server"`
	Result string `json:"result"`
	Text   string `json:"text"`
}

// validateProblem is a finding. Name is Where once more, as scripts know it.
type validateProblem struct {
	Name string `json:"name"`
	finding.Finding
}

// validateUnasked is what could not be compared or looked at.
type validateUnasked struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Needs  string `json:"needs"`
	Asked  bool   `json:"asked"`
}

// newValidateDocument puts a report into the form of the document.
func newValidateDocument(report validation.Report, options *validateOptions) validateDocument {
	written := validateDocument{Live: options.Live, Component: string(options.Component), FailOn: options.failOn().String(),
		Settings: []validateSetting{}, Problems: []validateProblem{}, Unasked: []validateUnasked{}}
	written.Errors, written.Warnings = report.Count()
	written.OK = !report.Fails(options.failOn()) && len(report.Failed()) == 0
	for _, row := range report.Rows {
		var live []validateLive
		for _, one := range row.Live {
			live = append(live, validateLive{Server: one.Server, Result: string(one.Result), Text: one.Text})
		}
		written.Settings = append(written.Settings, validateSetting{Name: row.Name, Kind: row.Kind, Component: string(row.Component), State: string(row.State),
			Source: row.Source, Form: row.Form, Strength: row.Strength, Bits: row.Bits, Fingerprint: row.Fingerprint, Note: row.Note, Live: live})
	}
	for _, found := range report.Findings() {
		written.Problems = append(written.Problems, validateProblem{Name: found.Where, Finding: found})
	}
	for _, one := range report.Unasked {
		written.Unasked = append(written.Unasked, validateUnasked(one))
	}
	return written
}
