package cli

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/pkg/secret"
)

// setOptions are the arguments of ocmt migrate set. Args is as the operator wrote them;
// Validate reads the others from it.
type setOptions struct {
	Args []string
	Rate *int
	Pace migrate.Pace
}

// Validate reads the arguments.
func (o *setOptions) Validate() error {
	if len(o.Args) == 0 {
		return errors.New("a setting is needed: rate=N or pace=PACE")
	}
	for _, arg := range o.Args {
		name, text, _ := strings.Cut(arg, "=")
		switch name {
		case "rate":
			number, err := strconv.ParseUint(text, 10, 30)
			if err != nil {
				return errors.New("rate must be a whole number of rows a second, 0 for no limit" + secret.AndGiven(text))
			}
			rate := int(number)
			o.Rate = &rate
		case "pace":
			o.Pace = migrate.Pace(text)
			if !o.Pace.IsKnown() {
				return errors.New("pace must be auto, full or gentle" + secret.AndGiven(text))
			}
		default:
			return errors.New("only rate and pace can be set, as rate=N and pace=PACE")
		}
	}
	return nil
}

func newMigrateSetCommand(app *App, run func(context.Context, *config.Settings, *setOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateSet
	}
	options := &setOptions{}
	cmd := &cobra.Command{
		Use:   "set rate=N | pace=PACE",
		Short: "Change the row limit or the pace of the run that is at work",
		Long: `Change how many rows a second the run that is at work on this database, on
whatever machine, may write (0 takes the limit away), or its pace: auto gives
way while others are at work in the database, full does not, gentle always does.` + describeSteering("set"),
		Example:           "  ocmt migrate set rate=500\n  ocmt migrate set pace=full\n  ocmt migrate set rate=0 pace=auto",
		ValidArgsFunction: completeOrders,
		Args:              cobra.ArbitraryArgs, // Validate reads them
	}
	body := runWithSettings(app, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Args = args
		return body(cmd, args)
	}
	finishSteering(cmd)
	return cmd
}

// completeOrders lists what can be set and is not set yet. Behind the = of rate stands a number, so that a shell adds
// no space.
func completeOrders(_ *cobra.Command, given []string, typed string) (words []string, _ cobra.ShellCompDirective) {
	has := func(name string) bool {
		return slices.ContainsFunc(given, func(one string) bool { return strings.HasPrefix(one, name) })
	}
	if !has("pace=") {
		words = append(words, "pace=auto", "pace=full", "pace=gentle")
	}
	if !has("rate=") {
		words = append(words, "rate=")
	}
	if strings.HasPrefix(typed, "p") {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func (a *App) runMigrateSet(ctx context.Context, settings *config.Settings, options *setOptions) error {
	return a.steer(ctx, settings, migrate.OrderSet, func(orders *migrate.Orders) {
		if options.Rate != nil {
			orders.MaxRowsPerSecond = options.Rate
		}
		if options.Pace != "" {
			orders.Pace = options.Pace
		}
	})
}
