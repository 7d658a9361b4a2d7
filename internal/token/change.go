package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// ErrNotWritten says that a place that was written does not hold the new token when it is looked at again.
var ErrNotWritten = errors.New("it does not hold the new token when it is looked at again")

// WriteError says that not every holder was written, and what each holds now.
type WriteError struct {
	Err     error
	Holders []Holder
	Now     []Content
	// Undone says that nothing is left of what this run has written. A holder can have another token all the
	// same, from somebody else.
	Undone bool
}

// Error says what each holder holds.
func (e *WriteError) Error() string {
	link := "; not every place could be put back: "
	if e.Undone {
		link = "; nothing is left of what was written here: "
	}
	parts := make([]string, len(e.Holders))
	for i, holder := range e.Holders {
		parts[i] = holder.Name() + " " + explainContent(e.Now[i])
	}
	return e.Err.Error() + link + strings.Join(parts, "; ")
}

// Unwrap returns why a holder was not written.
func (e *WriteError) Unwrap() error { return e.Err }

// explainContent says what a holder holds.
func explainContent(content Content) string {
	switch content {
	case Old:
		return "has the old token"
	case New:
		return "has the new token"
	case None:
		return "has no token"
	case Unread:
		return "could not be read"
	case Another:
	}
	return "has another token"
}

// undoTimeout bounds what puts holders back, which is done also where the work was interrupted.
const undoTimeout = 30 * time.Second

// Write writes the new token into every holder, one after the other, each by a change from what it held. It
// reads each again at the end. Where one fails, those that were written are put back, and the error is a
// *WriteError.
func (p *Plan) Write(ctx context.Context) error {
	for i, holder := range p.Holders {
		if p.Before[i] == New {
			continue
		}
		if err := holder.Store.Apply(ctx, secretstore.Change{Name: holder.Setting, Old: p.before(i), New: p.New}); err != nil {
			return p.undo(ctx, fmt.Errorf("writing %s: %w", holder.Name(), err))
		}
	}
	for i, content := range p.Look(ctx) {
		if content != New {
			return p.undo(ctx, fmt.Errorf("reading %s back: %w", p.Holders[i].Name(), ErrNotWritten))
		}
	}
	return nil
}

// before returns the token that a holder held.
func (p *Plan) before(i int) secret.Value {
	switch p.Before[i] {
	case New:
		return p.New
	case Old:
		return p.Old
	case None, Another, Unread:
	}
	return secret.Value{}
}

// Look says what each holder holds now.
func (p *Plan) Look(ctx context.Context) []Content {
	now := make([]Content, len(p.Holders))
	for i, holder := range p.Holders {
		now[i] = p.look(ctx, holder)
	}
	return now
}

func (p *Plan) look(ctx context.Context, holder Holder) Content {
	value, err := holder.Store.Get(ctx, holder.Setting)
	switch {
	case err != nil:
		return Unread
	case !value.IsSet():
		return None
	case value.Reveal() == p.New.Reveal():
		return New
	case value.Reveal() == p.Old.Reveal():
		return Old
	}
	return Another
}

// undo puts every holder back that this run has written, and returns what each has then.
func (p *Plan) undo(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	for i, content := range p.Look(ctx) {
		if content == New && p.Before[i] != New {
			// What comes of it is looked at below, for this holder as for the others.
			_ = p.Holders[i].Store.Apply(ctx, secretstore.Change{Name: p.Holders[i].Setting, Old: p.New, New: p.before(i)})
		}
	}
	failed := &WriteError{Err: cause, Holders: p.Holders, Now: p.Look(ctx), Undone: true}
	for i, content := range failed.Now {
		if p.Before[i] != New && (content == New || content == Unread) {
			failed.Undone = false
		}
	}
	return failed
}

func join(names []string) string { return strings.Join(names, ", ") }
