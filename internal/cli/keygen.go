package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// The forms that keygen writes a secret in.
const (
	formatRaw  = "raw"
	formatEnv  = "env"
	formatJSON = "json"
)

// keygenOptions are the flags and arguments of ocmt keygen.
type keygenOptions struct {
	Kind       string
	Format     string      // raw, env or json
	Out        fileFlag    // file to write; empty for standard output
	Force      bool        // replace the file
	KeyVersion versionFlag // version to write beside the secret
	JSON       bool        // the result on standard output is a document
}

// setDefaults fills in the format where none was given.
func (o *keygenOptions) setDefaults() {
	if o.Format == "" {
		o.Format = formatRaw
		if o.JSON && o.Out == "" {
			o.Format = formatJSON
		}
	}
}

// Validate refuses options that contradict each other.
func (o *keygenOptions) Validate() error {
	kind, _ := secret.Lookup(o.Kind)
	switch {
	case o.Format != formatRaw && o.Format != formatEnv && o.Format != formatJSON:
		return errors.New("--format must be raw, env or json")
	case o.JSON && o.Out == "" && o.Format != formatJSON:
		return errors.New("--output json and --format " + o.Format + " ask for two forms of one output")
	case o.Force && o.Out == "":
		return errors.New("--force is for --out, and there is none")
	case o.KeyVersion.set && kind.VersionSetting == "":
		return errors.New("--key-version is for secrets that have versions, and this kind has none")
	case o.KeyVersion.set && o.Format == formatRaw:
		return errors.New("--key-version has no place in the raw form; add --format env or json")
	}
	return nil
}

// kindNames returns the kinds of secret that keygen can make.
func kindNames() []string {
	var names []string
	for _, kind := range secret.MadeKinds() {
		names = append(names, kind.Name)
	}
	return names
}

// describeKinds says for a help page what keygen makes, two lines a kind.
func describeKinds(kinds []secret.Kind) string {
	var b strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&b, "%s makes a value for %s:\n  %s\n", kind.Name, kind.Setting, kind.Form)
	}
	return b.String()
}

func newKeygenCommand(app *App, run func(context.Context, *keygenOptions) error) *cobra.Command {
	if run == nil {
		run = app.runKeygen
	}
	options := &keygenOptions{}
	cmd := &cobra.Command{
		Use:   "keygen KIND",
		Short: "Make a secret",
		Long: `Make a secret from the system's random source. KIND is ` + strings.Join(kindNames(), ", ") + `.

` + describeKinds(secret.MadeKinds()) + `
Without --out the secret goes to standard output and nowhere else. ocmt.yaml,
.env and OCMT_OUTPUT do not change what keygen writes: scripts take its output
as it is.

` + describeDocument("keygen"),
		Example: `  ocmt keygen encryption
  ocmt keygen encryption --out /etc/ocmt/encryption.key
  ocmt keygen encryption --format env --key-version 1`,
		ValidArgs: kindNames(),
		Args:      oneKind,
	}
	cmd.Flags().StringVar(&options.Format, "format", "", "form of the secret: raw, env (NAME=value lines) or json (default raw)")
	cmd.Flags().Var(&options.Out, "out", "write the secret into this new file, mode 0600")
	cmd.Flags().BoolVar(&options.Force, "force", false, "replace the file; the secret in it is lost")
	cmd.Flags().Var(&options.KeyVersion, "key-version", "version `number` to write beside the secret, in env and json")
	body := runWithFlags(app, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := app.useFlagsOnly(cmd); err != nil {
			return err
		}
		options.Kind, options.JSON = args[0], app.printer.JSON()
		options.setDefaults()
		return body(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func oneKind(cmd *cobra.Command, args []string) error {
	known := "known kinds: " + strings.Join(kindNames(), ", ")
	if len(args) != 1 {
		return usageError(cmd, "one kind of secret is needed; "+known)
	}
	if _, found := secret.Lookup(args[0]); found {
		return nil
	}
	return usageError(cmd, "unknown kind "+shown(args[0])+"; "+known)
}

func (a *App) runKeygen(ctx context.Context, options *keygenOptions) error {
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	kind, _ := secret.Lookup(options.Kind) // the arguments were checked
	made, err := makeSecret(kind, a.deps.Random)
	if err != nil {
		return err
	}
	text, err := options.render(kind, made)
	if err != nil {
		return err
	}
	if options.Out != "" {
		return a.keygenToFile(options, kind, made, text)
	}
	a.printer.Raw(text)
	if a.deps.Streams.ErrTTY {
		a.printer.Note("key fingerprint %s", kind.Fingerprint(made.Reveal()))
		a.printer.Note("next: %s", kind.Next)
	}
	return nil
}

// makeSecret makes a secret and checks it, so that nothing leaves keygen that validate
// would report.
func makeSecret(kind secret.Kind, random io.Reader) (config.Secret, error) {
	text, err := kind.Generate(random)
	if err != nil {
		return config.Secret{}, fmt.Errorf("making the %s: %w", kind.Label, err)
	}
	if found := kind.Check(text); len(found) > 0 {
		return config.Secret{}, fmt.Errorf("checking the new %s: it %s", kind.Label, found[0].Message)
	}
	return config.NewSecret(text), nil
}

// render gives the secret the form of the options.
func (o *keygenOptions) render(kind secret.Kind, made config.Secret) (string, error) {
	switch o.Format {
	case formatEnv:
		text := kind.Setting + "=" + made.Reveal() + "\n"
		if o.KeyVersion.set {
			text += kind.VersionSetting + "=" + strconv.Itoa(o.KeyVersion.number) + "\n"
		}
		return text, nil
	case formatJSON:
		written := o.document(kind, made)
		written.Key = made.Reveal()
		return ui.EncodeDocument("keygen", written)
	default:
		return made.Reveal() + "\n", nil
	}
}

// document returns the document of a secret without the secret itself.
func (o *keygenOptions) document(kind secret.Kind, made config.Secret) keygenDocument {
	return keygenDocument{Kind: kind.Name, Fingerprint: kind.Fingerprint(made.Reveal()), KeyVersion: o.KeyVersion.pointer()}
}

func (a *App) keygenToFile(options *keygenOptions, kind secret.Kind, made config.Secret, text string) error {
	path := a.path(string(options.Out))
	if err := writeSecretFile(path, text, options.Force); err != nil {
		return err
	}
	a.printer.Line("wrote %s (mode 0600): %s, fingerprint %s", ui.Clean(string(options.Out)), kind.Label, kind.Fingerprint(made.Reveal()))
	written := options.document(kind, made)
	written.File = string(options.Out)
	return a.printer.Document("keygen", written)
}
