package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/openclaw"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// tokenOptions are the flags of every command that changes a token.
type tokenOptions struct {
	Prove, ProveOnly bool
	Timeout          time.Duration
	Endpoints        endpointFlag
	OldFile          inputFlag
	Resume, DryRun   bool
	// ProvenLater says that the caller asks the servers after the restart, by a command of its own. It is no flag.
	ProvenLater bool
}

func (o *tokenOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.Prove, "prove", false, "wait until each --endpoint takes the new token and refuses the old one; both are sent to it")
	flags.BoolVar(&o.ProveOnly, "prove-only", false, "change nothing, and prove the token that the places hold")
	flags.DurationVar(&o.Timeout, "prove-timeout", 5*time.Minute, "longest wait for the servers to restart")
	flags.Var(&o.Endpoints, "endpoint", "server that is asked, as COMPONENT=URL; may be given again")
	flags.Var(&o.OldFile, "old-file", "file with the old token, where no place holds it any more; - for standard input")
	flags.BoolVar(&o.Resume, "resume", false, "finish a change that was interrupted, with the token that it made")
	flags.BoolVar(&o.DryRun, "dry-run", false, "only read the places, and say what would be changed")
	settingFlag(cmd, "endpoint-ca", config.NameEndpointCA, "file of the certificates that endpoints are verified by (default: those of the system)")
}

// validate finds what contradicts itself. Only components that can be asked for the kind may be named.
func (o *tokenOptions) validate(kind string) error {
	for _, endpoint := range o.Endpoints {
		if !probe.TakesToken(kind, endpoint.Component) {
			return fmt.Errorf("--endpoint: a server of the kind %s cannot be asked about this token; see the help for those that can", endpoint.Component)
		}
	}
	return firstError(o.validateProof(), o.validateModes())
}

// validateProof finds what contradicts itself in what is proven.
func (o *tokenOptions) validateProof() error {
	switch proves := o.Prove || o.ProveOnly; {
	case proves && len(o.Endpoints) == 0:
		return errors.New("--prove and --prove-only ask servers: --endpoint says where they are")
	case !proves && len(o.Endpoints) > 0:
		return errors.New("--endpoint is for --prove and --prove-only, which send both tokens to it")
	case !proves && o.OldFile != "":
		return errors.New("--old-file is for --prove and --prove-only, which send it")
	case o.Timeout < time.Second:
		return errors.New("--prove-timeout must be at least 1s")
	}
	return nil
}

// validateModes finds modes that exclude each other.
func (o *tokenOptions) validateModes() error {
	switch {
	case o.ProveOnly && (o.Prove || o.Resume || o.DryRun):
		return errors.New("--prove-only changes nothing: leave --prove, --resume and --dry-run out")
	case o.Prove && o.DryRun:
		return errors.New("--dry-run sends nothing: leave --prove and --endpoint out")
	}
	return nil
}

// storeList is a flag that holds stores; it may be given again.
type storeList []storeFlag

// Set adds a store.
func (l *storeList) Set(text string) error {
	var one storeFlag
	if err := one.Set(text); err != nil {
		return err
	}
	*l = append(*l, one)
	return nil
}

// String returns the stores.
func (l *storeList) String() string { return strings.Join(l.Texts(), ",") }

// Texts returns the stores, each as it was given.
func (l *storeList) Texts() []string {
	texts := make([]string, len(*l))
	for i, one := range *l {
		texts[i] = one.String()
	}
	return texts
}

// Type names the kind of value in help texts.
func (l *storeList) Type() string { return "store" }

// addBackupFlag adds --backup for the stores of a command that has no flags of addStoreFlags.
func addBackupFlag(cmd *cobra.Command, store *storeFlag) {
	cmd.Flags().BoolVar(&store.Backup, "backup", false, "keep a copy of an env file that is changed, with mode 0600; it has the old secrets in it")
}

// tokenRotation is one run of a command that changes a token.
type tokenRotation struct {
	app      *App
	settings *config.Settings
	kind     secret.Kind
	options  *tokenOptions
	holders  []token.Holder
	stores   []secretstore.Store
	gateway  *openclaw.Store // nil where none is named
	places   []string        // the flags that name the places, for a command to run later
	probes   []token.Endpoint
	record   recordStore
	document rotateTokenDocument
}

// newTokenRotation begins a run. Holders are added to it.
func (a *App) newTokenRotation(settings *config.Settings, kindName string, options *tokenOptions) *tokenRotation {
	kind, _ := secret.Lookup(kindName)
	return &tokenRotation{app: a, settings: settings, kind: kind, options: options}
}

// addStore adds a setting in the store of a flag. A store that is not named is the env file that was read.
func (r *tokenRotation) addStore(flagName string, flag storeFlag, component secret.Component, setting string) error {
	store, err := r.app.openStore(r.settings, flag)
	if err != nil {
		return err
	}
	named := flag.String()
	if named == "" {
		named = envFileOf(r.settings)
	}
	r.places = append(r.places, "--"+flagName, named)
	r.stores = append(r.stores, store)
	r.holders = append(r.holders, token.Holder{Store: store, Setting: setting, Component: component})
	return nil
}

// addStores adds a setting in each store of a flag. Backups are kept as for the first store of the command.
func (r *tokenRotation) addStores(flagName string, list storeList, backup bool, component secret.Component, setting string) error {
	for _, one := range list {
		one.Backup = backup
		if err := r.addStore(flagName, one, component, setting); err != nil {
			return err
		}
	}
	return nil
}

// run changes the token, and proves it where that is asked for.
func (r *tokenRotation) run(ctx context.Context) (err error) {
	if err := r.openProbes(); err != nil {
		return err
	}
	record, done, err := r.app.openRecordAlone(r.settings)
	if err != nil {
		return err
	}
	defer done()
	r.record = record
	asking, answered := r.app.stop.Context(ctx)
	defer answered()
	r.document = rotateTokenDocument{Kind: r.kind.Name, DryRun: r.options.DryRun, Resumed: r.options.Resume, Restart: r.kind.Change.Restart, Why: r.kind.Change.Why,
		Places: []tokenPlace{}, Copies: []tokenCopy{}}
	if r.options.ProveOnly {
		return r.proveOnly(asking)
	}
	plan, err := r.plan(asking)
	if err != nil {
		return causeOf(asking, err)
	}
	if r.options.DryRun {
		r.printDryRun(plan)
		return r.finish(plan, nil)
	}
	if err := r.write(ctx, asking, plan); err != nil {
		return err
	}
	r.printWritten(plan)
	if !r.options.Prove {
		r.printUnproven()
		return r.finish(plan, nil)
	}
	old, err := r.oldToken(plan.Old)
	if err == nil {
		err = r.prove(asking, plan.New, old)
	}
	return r.finish(plan, err)
}

// openProbes makes the clients of the endpoints. It dials nothing.
func (r *tokenRotation) openProbes() error {
	certificates, err := r.app.readCertificates(r.settings.Access.EndpointCA)
	if err != nil {
		return fmt.Errorf("reading the certificates for endpoints: %w", err)
	}
	for _, endpoint := range r.options.Endpoints {
		asked, err := probe.NewTokenProbe(r.kind.Name, endpoint, probe.Options{CA: certificates})
		if err != nil {
			return &ui.Error{Message: "--endpoint: " + err.Error(), Code: ui.ExitUsage, Hints: []string{"give COMPONENT=URL, and with --endpoint-ca a file in PEM form"}}
		}
		if asked.IsExposed() {
			r.app.printer.Warn("%s has no TLS: whoever is on the way reads the tokens that are sent to it", asked.Name())
		}
		r.probes = append(r.probes, asked)
	}
	return nil
}

// plan reads the record and the places, and says what is to be changed.
func (r *tokenRotation) plan(ctx context.Context) (*token.Plan, error) {
	begun, err := r.findBegun(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := token.MakePlan(ctx, token.Request{Holders: r.holders, Begun: begun, Resume: r.options.Resume},
		func() (string, error) { return r.kind.Generate(r.app.deps.Random) }, r.kind.Fingerprint)
	if err != nil {
		return nil, err
	}
	r.describePlaces(plan)
	return plan, r.printPlan(ctx, plan)
}

// findBegun returns the changes that the record has as begun since the last one that ended.
func (r *tokenRotation) findBegun(ctx context.Context) (begun []token.Begun, err error) {
	entries, _, err := r.record.Entries(ctx, chain.Query{Actions: []string{chain.ActionSecretRotating, chain.ActionSecretRotated}, Subject: r.kind.Setting})
	if err != nil {
		return nil, err
	}
	for _, entry := range entries { // the newest comes first
		if entry.Action == chain.ActionSecretRotated {
			break
		}
		var details rotatingDetails
		if err := json.Unmarshal(entry.Details, &details); err != nil {
			return nil, fmt.Errorf("reading entry %d of the tool's own record: %w", entry.Sequence, err)
		}
		begun = append(begun, token.Begun{OldFingerprint: details.Old, NewFingerprint: details.New})
	}
	return begun, nil
}

// rotatingDetails are the details of chain.ActionSecretRotating. Another run finds by them which token is the new one.
type rotatingDetails struct {
	Old string `json:"old_fingerprint"`
	New string `json:"fingerprint"`
}

// write asks, records, and writes every place. What is written is put back where a place fails; so it does not end at
// the first Ctrl-C.
func (r *tokenRotation) write(ctx, asking context.Context, plan *token.Plan) error {
	if err := r.app.tellRecord(asking, r.record); err != nil {
		return causeOf(asking, err)
	}
	details := map[string]any{"old_fingerprint": r.document.OldFingerprint, "fingerprint": r.document.Fingerprint, "places": r.placeNames()}
	if !plan.IsWritten() {
		question := fmt.Sprintf("Write a new %s into %s? %s.", r.kind.Label, ui.Count(int64(len(r.holders)), "place", "places"), upperFirst(r.kind.Change.Ends))
		if err := r.app.printer.Confirm(asking, ui.Question{Text: question}); err != nil {
			return err
		}
		if err := r.record.Add(asking, chain.Event{Action: chain.ActionSecretRotating, Subject: r.kind.Setting, Details: details}); err != nil {
			return causeOf(asking, err)
		}
		err := plan.Write(ctx)
		r.tellStores()
		if err != nil {
			return err
		}
	}
	r.document.Written = true
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := r.record.Add(recording, chain.Event{Action: chain.ActionSecretRotated, Subject: r.kind.Setting, Details: details}); err != nil {
		return fmt.Errorf("recording the change, after every place was written: %w", err)
	}
	return nil
}

// placeNames returns the names of the places.
func (r *tokenRotation) placeNames() []string {
	names := make([]string, len(r.holders))
	for i, holder := range r.holders {
		names[i] = holder.Name()
	}
	return names
}

// tellStores says what the stores did beside the changes.
func (r *tokenRotation) tellStores() {
	for _, store := range r.stores {
		r.app.tellStore(store)
	}
}

// finish looks for copies of the old token, and writes the document.
func (r *tokenRotation) finish(plan *token.Plan, err error) error {
	if r.gateway != nil && r.document.Written {
		err = joinErrors(err, r.tellCopies(plan.Old))
	}
	return joinErrors(err, r.app.printer.Document("rotate-token", r.document))
}
