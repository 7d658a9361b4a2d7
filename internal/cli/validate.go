package cli

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/validation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// validateOptions are the flags of ocmt validate.
type validateOptions struct {
	Component                         componentFlag
	AgentFile, AdminFile, GatewayFile inputFlag
	FailOn                            string // "" for error
	Strict                            bool
	Live, LiveQuery                   bool
	Endpoints                         endpointFlag
	Due                               bool
}

// components are the values of --component.
var components = []secret.Component{secret.Management, secret.AdminUI, secret.Agent, secret.Gateway, secret.GroupVault}

// componentFlag is a flag that names a component, or none.
type componentFlag secret.Component

// Set takes the name of a component.
func (f *componentFlag) Set(text string) error {
	for _, component := range components {
		if string(component) == text {
			*f = componentFlag(component)
			return nil
		}
	}
	return formError("it must be management, admin-ui, agent, gateway or group-vault")
}

// String returns the name.
func (f *componentFlag) String() string { return string(*f) }

// Type names the kind of value in help texts.
func (f *componentFlag) Type() string { return "component" }

// Validate refuses an unknown --fail-on, and two that contradict each other.
func (o *validateOptions) Validate() error {
	switch {
	case o.FailOn != "" && o.FailOn != finding.Error.String() && o.FailOn != finding.Warning.String():
		return errors.New("--fail-on must be error or warning")
	case o.Strict && o.FailOn == finding.Error.String():
		return errors.New("--strict is the same as --fail-on warning, and --fail-on error contradicts it")
	case o.Component == componentFlag(secret.Agent) && o.AgentFile != "", o.Component == componentFlag(secret.AdminUI) && o.AdminFile != "":
		return errors.New("--component says that the settings here are those of the component whose file another flag brings; leave one of the two out")
	}
	return o.validateLive()
}

// failOn returns the severity from which on a finding fails the check.
func (o *validateOptions) failOn() finding.Severity {
	if o.Strict || o.FailOn == finding.Warning.String() {
		return finding.Warning
	}
	return finding.Error
}

func newValidateCommand(app *App, run func(context.Context, *config.Settings, *validateOptions) error) *cobra.Command {
	if run == nil {
		run = app.runValidate
	}
	options := &validateOptions{}
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configured secrets",
		Long: `Check the secrets as they are configured here, in one table, worst first: their
form and strength, placeholders from the documentation, one secret under two
names, pairs that must be equal and differ, gaps in the versions of the key,
names that are nearly a setting, settings that their component never reads, and
files that others can read. It changes nothing and shows no secret; a
fingerprint tells two secrets apart without giving either away. It asks no
server without --live or --due.

Without --component the settings may be those of any component: what is set is
judged. With it, what the component needs and lacks is an error too. The other
side of a pair comes with --agent-env-file, --admin-env-file and
--gateway-config; a pair without it is not compared, and the report says so.

--live logs in at PostgreSQL and Redis as the servers do, opens a sample of the
values with the keys, and sends each token to its --endpoint, after none and a
wrong one. What neither accepts nor refuses is told, and proves nothing.

` + describeDocument("validate"),
		Example: `  ocmt validate
  ocmt validate --component management --agent-env-file ../agent/.env
  ocmt validate --env-file /etc/ocmt/.env --fail-on warning
  ocmt validate --live --endpoint management=http://127.0.0.1:3000
  ocmt validate --output json`,
		Args: noArgs,
	}
	cmd.Flags().Var(&options.Component, "component", "whose settings these are: management, admin-ui, agent, gateway, group-vault")
	cmd.Flags().Var(&options.AgentFile, "agent-env-file", "the env file of the agent server")
	cmd.Flags().Var(&options.AdminFile, "admin-env-file", "the file from which the environment of the admin UI is filled")
	cmd.Flags().Var(&options.GatewayFile, "gateway-config", "the openclaw.json of the gateway")
	addLiveFlags(cmd, options)
	cmd.Flags().StringVar(&options.FailOn, "fail-on", "", "end with exit status 3 from this severity on: error, warning (default error)")
	cmd.Flags().BoolVar(&options.Strict, "strict", false, "the same as --fail-on warning")
	cmd.Flags().BoolVar(&options.Due, "due", false, "also read the tool's own record, in the database or the file of --record, and say which secrets are due")
	// They fail only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{finding.Error.String(), finding.Warning.String()}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("component", cobra.FixedCompletions(componentNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	return cmd
}

// componentNames returns the values of --component.
func componentNames() (names []string) {
	for _, component := range components {
		names = append(names, string(component))
	}
	return names
}

func (a *App) runValidate(ctx context.Context, settings *config.Settings, options *validateOptions) error {
	input, err := a.validationInput(ctx, settings, options)
	if err != nil {
		return err
	}
	report, err := a.check(ctx, settings, input, options)
	if err != nil {
		return err
	}
	list, unknown := a.validateDue(ctx, settings, options, &report)
	if err := ctx.Err(); err != nil {
		return causeOf(ctx, err)
	}
	printValidation(a.printer, report, options.failOn())
	if len(list)+len(unknown) > 0 {
		a.printer.Heading("Due")
		printDue(a.printer, list, unknown)
	}
	written := newValidateDocument(report, options)
	written.Due, written.Unknown = emptyIfNil(list), emptyIfNil(unknown)
	if err := a.printer.Document("validate", written); err != nil {
		return err
	}
	if report.Fails(options.failOn()) {
		return foundProblems(report)
	}
	if failed := report.Failed(); len(failed) > 0 {
		return failedToCompare(failed)
	}
	return nil
}

// validateDue reads what is due, with --due. A record that cannot be read is told in the report.
func (a *App) validateDue(ctx context.Context, settings *config.Settings, options *validateOptions, report *validation.Report) (list []rotation.DueItem, unknown []string) {
	if !options.Due {
		return nil, nil
	}
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	record, done, err := a.openRecordAlone(settings)
	if err == nil {
		defer done()
		list, unknown, err = a.findDue(ctx, settings, record)
	}
	if err != nil {
		report.Unasked = append(report.Unasked, validation.Unasked{What: "which secrets are due", Reason: causeOf(ctx, err).Error(),
			Needs: "the address of a database, with an account that may read the tool's own record, or --record FILE", Asked: true})
	}
	return list, unknown
}

// validationInput reads what is to be checked: the settings of this run, and the files that flags bring.
func (a *App) validationInput(ctx context.Context, settings *config.Settings, options *validateOptions) (input validation.Input, err error) {
	input.Own = newSide(secret.Component(options.Component), settings)
	seen := settings.FilesRead() // with those that newSide has read
	input.Places = append(settings.CheckKeyPlaces(), settings.CheckAddressPlaces()...)
	for _, other := range []struct {
		component secret.Component
		file      inputFlag
	}{{secret.Agent, options.AgentFile}, {secret.AdminUI, options.AdminFile}} {
		if other.file == "" {
			continue
		}
		ctx, cancel := a.stop.Context(ctx)
		read, err := config.Load(ctx, config.Request{Dir: a.deps.Dir, EnvFile: string(other.file), ConfigFile: a.globals.configFile, Waiting: a.tellWaiting})
		cancel()
		if err != nil {
			return input, err
		}
		input.Others = append(input.Others, newSide(other.component, read))
		seen = append(seen, read.FilesRead()...)
	}
	if options.GatewayFile != "" {
		gateway, file, err := a.readGateway(string(options.GatewayFile))
		if err != nil {
			return input, err
		}
		input.Gateway, seen = gateway, append(seen, file)
	}
	input.Files = validationFiles(seen)
	return input, nil
}

// newSide returns the settings of a component as validation takes them.
func newSide(component secret.Component, settings *config.Settings) validation.Side {
	deployment, file := settings.Deployment(), settings.EnvFile()
	side := validation.Side{Component: component, File: cleanPath(file.Path), Settings: deployment, Unread: map[string]string{}}
	if file.Path != "" {
		side.EnvFile = file
	}
	for name, err := range deployment.Unread {
		side.Unread[name] = err.Error()
	}
	return side
}

// cleanPath returns a path in its shortest form; "" for none.
func cleanPath(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Clean(path)
}

// readGateway reads the configuration of the gateway. A file that is not there is a slip of the command line; one
// that cannot be understood is told in the report.
func (a *App) readGateway(path string) (*validation.Gateway, config.File, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(a.deps.Dir, path)
	}
	mode, err := files.ModeOf(full)
	if err != nil {
		return nil, config.File{}, &config.FileError{Path: path, Cause: systemReason(err), Advice: "name the openclaw.json of the gateway, which this account must be able to read"}
	}
	gateway := &validation.Gateway{File: path}
	gateway.Token, gateway.Set, err = files.ReadGatewayToken(full)
	if errors.Is(err, fs.ErrPermission) {
		return nil, config.File{}, &config.FileError{Path: path, Cause: systemReason(err), Advice: "name the openclaw.json of the gateway, which this account must be able to read"}
	}
	if err != nil {
		gateway.Unread = systemReason(err).Error()
	}
	return gateway, config.File{Path: path, Mode: mode, Secret: gateway.Token.IsSet()}, nil
}

// systemReason returns the reason of an error without the path that it repeats.
func systemReason(err error) error {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		return withPath.Err
	}
	return err
}

// validationFiles returns each file once.
func validationFiles(seen []config.File) (list []validation.File) {
	known := map[string]int{}
	for _, file := range seen {
		at, there := known[cleanPath(file.Path)]
		if !there {
			known[cleanPath(file.Path)] = len(list)
			list = append(list, validation.File{Path: file.Path, Mode: file.Mode, Secret: file.Secret, Mounted: file.Mounted})
			continue
		}
		list[at].Secret = list[at].Secret || file.Secret
	}
	return list
}
