package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// mostSecrets is how many secrets one call makes at most. More are a slip of the keyboard.
const mostSecrets = 10_000

// keygenOptions are the flags and arguments of ocmt keygen.
type keygenOptions struct {
	Kind       string
	Format     string      // one of formats
	Out        fileFlag    // file to write; empty for standard output
	Force      bool        // replace the file
	KeyVersion versionFlag // version to write beside the secret
	Count      int         // how many to make
	Setting    string      // name of the secret in the forms that have one; empty for the first of the kind
	Base64     bool        // of all characters of Base64
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
	case !slices.Contains(formats, o.Format):
		return errors.New("--format must be " + listWords(formats))
	case o.JSON && o.Out == "" && o.Format != formatJSON:
		return errors.New("--output json and --format " + o.Format + " ask for two forms of one output")
	case o.Force && o.Out == "":
		return errors.New("--force is for --out, and there is none")
	}
	return cmp.Or(o.validateVersion(kind), o.validateCount(kind), o.validateName(kind))
}

// validateCount refuses numbers and forms that make no sense together.
func (o *keygenOptions) validateCount(kind secret.Kind) error {
	switch {
	case o.Base64 && kind.Base64 == nil:
		return errors.New("--base64 is for secrets that may be Base64, and this kind may not")
	case o.Count < 1 || o.Count > mostSecrets:
		return fmt.Errorf("--count must be from 1 to %d", mostSecrets)
	case o.Count > 1 && o.Format != formatRaw && o.Format != formatJSON:
		return errors.New("--count is for --format raw and json; the " + o.Format + " form is that of one secret")
	}
	return nil
}

// validateVersion refuses a version where there is no place for one.
func (o *keygenOptions) validateVersion(kind secret.Kind) error {
	switch {
	case o.KeyVersion.set && kind.VersionSetting == "":
		return errors.New("--key-version is for secrets that have versions, and this kind has none")
	case o.KeyVersion.set && !slices.Contains(versionedFormats, o.Format):
		return errors.New("--key-version has no place in the " + o.Format + " form; add --format " + listWords(versionedFormats))
	}
	return nil
}

// validateName refuses names that the secret does not have.
func (o *keygenOptions) validateName(kind secret.Kind) error {
	switch {
	case kind.Address && (o.Format == formatEnv || o.Format == formatKubernetes):
		return errors.New(kind.Setting + " is an address, and this secret is only the password in it; a line with the password alone would be wrong: take --format raw, json or docker")
	case o.Setting == "":
		return nil
	case kind.Address || o.Format == formatRaw:
		return errors.New("--setting is for forms that name the secret, and this one does not")
	case !slices.Contains(kind.Names(), o.Setting):
		return errors.New("--setting must be " + listWords(kind.Names()))
	}
	return nil
}

// listWords joins words as "a, b or c".
func listWords(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
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
		place := strings.Join(kind.Names(), " and ")
		if kind.Address {
			place = "the password in " + kind.Setting
		}
		fmt.Fprintf(&b, "%s, for %s:\n  %s\n", kind.Name, place, kind.Form)
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
		Long: `Make a secret from the system's random source.

` + describeKinds(secret.MadeKinds()) + `
A secret that two settings hold must be the same in both: make it once. The form
raw is the secret and a line end. docker is the secret alone, for docker secret
create NAME -. kubernetes is the manifest of a Secret, for kubectl apply -f -. A
password of an address has no env and no kubernetes form: the setting holds the
whole address, and a line with the password alone would be wrong. With --count
there is a line for each.

Without --out the secret goes to standard output and nowhere else. ocmt.yaml,
.env and OCMT_OUTPUT do not change what keygen writes: scripts take its output
as it is.

` + describeDocument("keygen"),
		Example: `  ocmt keygen encryption
  ocmt keygen encryption --out /etc/ocmt/encryption.key
  ocmt keygen encryption --format env --key-version 1
  ocmt keygen agent-token --format env --setting AUTH_TOKEN
  ocmt keygen csrf-secret --format kubernetes`,
		ValidArgs: kindNames(),
		Args:      oneKind,
	}
	cmd.Flags().StringVar(&options.Format, "format", "", "form of the secret: raw, env (NAME=value lines), json, docker or kubernetes (default raw)")
	cmd.Flags().Var(&options.Out, "out", "write the secret into this new file, mode 0600")
	cmd.Flags().BoolVar(&options.Force, "force", false, "replace the file; the secret in it is lost")
	cmd.Flags().Var(&options.KeyVersion, "key-version", "version `number` to write beside the secret, in env, json and kubernetes")
	cmd.Flags().IntVar(&options.Count, "count", 1, "make so many, in raw and json")
	cmd.Flags().StringVar(&options.Setting, "setting", "", "`name` of the secret in env, json, docker and kubernetes, where two settings hold it")
	cmd.Flags().BoolVar(&options.Base64, "base64", false, "make it of all characters of Base64; +, / and = need care in addresses")
	body := runWithFlags(app, cmd, options, run)
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
	if slices.Contains(kindNames(), args[0]) {
		return nil
	}
	failure := usageError(cmd, "unknown kind "+shown(args[0])+"; "+known)
	failure.Hints = append(suggestWord(cmd.CommandPath(), args[0], kindNames()), failure.Hints...)
	return failure
}

func (a *App) runKeygen(ctx context.Context, options *keygenOptions) error {
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	kind, _ := secret.Lookup(options.Kind) // the arguments were checked
	if options.Base64 {
		kind.Generate = kind.Base64
	}
	var made []config.Secret
	for range options.Count {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		one, err := makeSecret(kind, a.deps.Random)
		if err != nil {
			return err
		}
		made = append(made, one)
	}
	text, err := options.render(kind, made)
	if err != nil {
		return err
	}
	if options.Out != "" {
		return a.keygenToFile(options, kind, made, text)
	}
	a.printer.Raw(text)
	if err := a.printer.Err(); err != nil {
		return err // nobody has the secret, so there is nothing to do with it
	}
	if a.deps.Streams.ErrTTY {
		a.printer.Note("%s", describeMade(kind, made))
		a.printer.Note("next: %s", options.next(kind))
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

// describeMade names what was made, without the secrets.
func describeMade(kind secret.Kind, made []config.Secret) string {
	if len(made) == 1 {
		return kind.Label + " fingerprint " + kind.Fingerprint(made[0].Reveal())
	}
	return fmt.Sprintf("%s, %d of them", kind.Label, len(made))
}

func (a *App) keygenToFile(options *keygenOptions, kind secret.Kind, made []config.Secret, text string) error {
	path := a.path(string(options.Out))
	if err := writeSecretFile(path, text, options.Force); err != nil {
		return err
	}
	what := kind.Label + ", fingerprint " + kind.Fingerprint(made[0].Reveal())
	if len(made) > 1 {
		what = describeMade(kind, made)
	}
	a.printer.Line("wrote %s (mode 0600): %s", string(options.Out), what)
	for _, one := range made {
		written := options.document(kind, one)
		written.File = string(options.Out)
		write := a.printer.Document
		if len(made) > 1 {
			write = a.printer.DocumentLine
		}
		if err := write("keygen", written); err != nil {
			return err
		}
	}
	return nil
}
