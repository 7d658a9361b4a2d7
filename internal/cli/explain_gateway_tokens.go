package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/usertoken"
)

// explainGatewayTokens explains why the tokens of users were not renewed, or not all of them.
func explainGatewayTokens(err error) *ui.Error {
	var barred *usertoken.BarredError
	var key *usertoken.KeyError
	var left *usertoken.LeftError
	switch {
	case errors.As(err, &barred):
		told := &ui.Error{Message: barred.Error() + "; nothing was written", Missing: barred.Missing, Code: ui.ExitRefused}
		if barred.Fix != "" {
			told.Hints = []string{barred.Fix}
		}
		return told
	case errors.As(err, &key):
		return &ui.Error{Message: key.Error() + "; a server without it would take the ciphertext for the token", Code: ui.ExitRefused, Hints: []string{
			"compare the fingerprint with the one that ocmt validate shows on a server; where they are the same, give it as --expect-key"}}
	case errors.As(err, &left):
		return explainLeftTokens(left)
	case errors.Is(err, usertoken.ErrStopped):
		return &ui.Error{Message: "stopped after what was in hand", Code: ui.ExitInterrupted, Hints: []string{renewAgain}}
	}
	return nil
}

// explainLeftTokens says which tokens are what they were, and why.
func explainLeftTokens(left *usertoken.LeftError) *ui.Error {
	explained := &ui.Error{Code: ui.ExitPartial}
	var parts []string
	if n := left.Result.Left; n > 0 {
		parts = append(parts, ui.Count(n, "token is", "tokens are")+" what they were: another transaction holds the rows, or a trigger keeps the new ones out")
		explained.Hints = append(explained.Hints, "look in pg_stat_activity for a transaction that has not ended, and at the triggers of the table, then "+renewAgain)
	}
	if n := len(left.Result.NotEnded); n > 0 {
		parts = append(parts, "what these have written could not be looked at: "+strings.Join(left.Result.NotEnded, "; "))
		explained.Hints = append(explained.Hints, "end them (a prepared one with COMMIT PREPARED or ROLLBACK PREPARED), then "+renewAgain)
	}
	unknown, strange := countLeftAlone(left.Plan)
	if unknown > 0 {
		parts = append(parts, fmt.Sprintf("%s the text %q and kept it", ui.Count(unknown, "row has", "rows have"), usertoken.Unknown))
		explained.Hints = append(explained.Hints, "a user without a token gets one when the server makes the container of that user")
	}
	if strange > 0 {
		parts = append(parts, fmt.Sprintf("%s not understood and left so", ui.Count(strange, "text is", "texts are")))
		explained.Hints = append(explained.Hints, "the same command with --dry-run --output json lists the users and the reasons; where a key is missing, set it as ENCRYPTION_KEY_Vn and renew their tokens with --user")
	}
	explained.Message = strings.Join(parts, "; ")
	return explained
}

// countLeftAlone counts what a plan leaves alone: rows without a token, and texts that are not understood.
func countLeftAlone(plan *usertoken.Plan) (unknown, strange int64) {
	for _, one := range plan.LeftAlone {
		if one.Form == usertoken.Unknown {
			unknown++
		} else {
			strange++
		}
	}
	return unknown, strange
}
